// A partial convolution, one window after the other, with a mask that one toggles. Python: partial_convolution_stepper.py
import { stepper } from "./stepper.js";

export default { render: (context) => stepper(context, { partial: true }) };
