// A convolution, one window after the other. Python: convolution_stepper.py
import { stepper } from "./stepper.js";

export default { render: (context) => stepper(context, { partial: false }) };
