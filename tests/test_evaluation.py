"""Comparing inpainters: fair, named when wrong, honest about how sure a figure is."""

from __future__ import annotations

import re
import time
from functools import partial

import pytest
import torch
from scipy import stats
from torch import nn

from inpaintlib import baselines, data, evaluation, masks, metrics
from inpaintlib.evaluation import Metric, compare, mean_interval

COUNT = 23


def pictures(count=COUNT, side=16, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand(count, 3, 5, 5, generator=generator)
    return nn.functional.interpolate(rough, size=(side, side), mode="bilinear", align_corners=True)


def holes(count=COUNT, side=16, seed=0):
    return masks.lines(count, side, generator=torch.Generator().manual_seed(seed))


def paint(value):
    return lambda image, mask: torch.where(mask.bool(), image, torch.full_like(image, value))


GREY, WHITE = paint(0.5), paint(1.0)


# --- what is measured -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, 23, 100])
def test_the_figures_are_those_of_the_metrics_on_all_images_at_once(batch_size):
    images, known = pictures(), holes()
    table = compare({"mean": baselines.mean_fill}, images, known, metrics=list(evaluation.METRICS), batch_size=batch_size)
    filled = baselines.mean_fill(images, known)
    hole = {"mask": known, "region": "hole"}
    expected = {
        "psnr": metrics.psnr(filled, images, data_range=1),
        "psnr_hole": metrics.psnr(filled, images, data_range=1, **hole),
        "ssim": metrics.ssim(filled, images, data_range=1),
        "ssim_hole": metrics.ssim(filled, images, data_range=1, **hole),
        "mae": metrics.mae(filled, images),
        "mae_hole": metrics.mae(filled, images, **hole),
        "mae_boundary": metrics.mae(filled, images, mask=known, region="boundary"),
        "mse": metrics.mse(filled, images),
        "mse_hole": metrics.mse(filled, images, **hole),
    }
    assert set(table.per_image["mean"]) == set(expected)
    (row,) = table.rows
    assert row.inpainter == "mean" and row.images == COUNT
    for name, values in expected.items():
        torch.testing.assert_close(table.per_image["mean"][name], values, rtol=1e-4, atol=1e-6)
        assert row.values[name].mean == pytest.approx(values.double().mean().item(), rel=1e-4)
    torch.testing.assert_close(table.hole_ratio, masks.hole_ratio(known))


def test_the_mean_of_psnr_is_taken_over_images():
    images = torch.full((2, 3, 16, 16), 0.5)
    images[1] = 0.9
    known = torch.ones(2, 1, 16, 16)
    known[..., :4] = 0
    table = compare({"grey": paint(0.4)}, images, known)
    each = metrics.psnr(paint(0.4)(images, known), images, data_range=1)
    assert table.rows[0].values["psnr"].mean == pytest.approx(each.mean().item())
    pooled = -10 * torch.log10((paint(0.4)(images, known) - images).square().mean()).item()
    assert table.rows[0].values["psnr"].mean > pooled + 1


@pytest.mark.parametrize("count", [2, 5, 300])
def test_the_interval_is_students(count):
    values = torch.randn(count, generator=torch.Generator().manual_seed(count)) * 3 + 30
    low, high = stats.t.interval(0.95, count - 1, loc=values.mean().item(), scale=stats.sem(values.numpy()))
    got = mean_interval(values)
    assert (got.low, got.high) == pytest.approx((low, high), rel=1e-5)


def test_an_image_alone_has_no_interval():
    table = compare({"grey": GREY, "white": WHITE}, pictures(1), holes(1))
    assert "±" not in str(table) and "confidence" not in str(table)


def test_image_sets_and_tensors_give_the_same():
    images = (pictures() * 255).round().to(torch.uint8)
    image_set = data.ImageSet(images, torch.zeros(COUNT, dtype=torch.int64), ("thing",), "23 soft pictures.")
    from_set = compare({"grey": GREY}, image_set, holes(), timing=False)
    from_tensor = compare({"grey": GREY}, images.float() / 255, holes(), timing=False)
    assert from_set.rows == from_tensor.rows
    assert "23 images: 23 soft pictures. Masks: given masks" in from_set.to_markdown()


def test_milliseconds_an_image():
    def slow(image, mask):
        time.sleep(0.1)
        return GREY(image, mask)

    table = compare({"slow": slow, "grey": GREY}, pictures(8), holes(8), batch_size=4)
    slow_row, grey_row = (row.milliseconds or -1 for row in table.rows)
    assert slow_row >= 25 and 0 < grey_row < slow_row


# --- fairness -------------------------------------------------------------------------------------------------------------


def test_what_lies_under_the_hole_never_reaches_an_inpainter():
    images = pictures() * 0.5 + 0.5  # nothing is black
    seen = []

    def spy(image, mask):
        seen.append((image.clone(), mask.clone()))
        return GREY(image, mask)

    compare({"spy": spy}, images, holes(), batch_size=COUNT)
    ((image, mask),) = seen
    assert torch.equal(image == 0, (mask == 0).expand_as(image))
    assert torch.equal(image, images * mask)


def test_every_inpainter_gets_the_same_even_after_one_that_works_in_place():
    def vandal(image, mask):
        result = WHITE(image, mask)
        image.zero_()
        mask.zero_()
        return result

    images, known = pictures(), holes()
    before = images.clone(), known.clone()
    table = compare({"vandal": vandal, "white": WHITE}, images, known, timing=False)
    assert torch.equal(images, before[0]) and torch.equal(known, before[1])
    assert table.rows[0].values == table.rows[1].values


def test_inpainters_that_draw_random_numbers_are_repeatable_and_leave_chance_alone():
    def noise(image, mask):
        return torch.where(mask.bool(), image, torch.rand_like(image))

    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    one = compare({"grey": GREY, "noise": noise}, pictures(), masks.lines, timing=False)
    assert torch.equal(torch.rand(3), expected)
    other = compare({"noise": noise}, pictures(), masks.lines, timing=False)
    assert one.rows[1].values == other.rows[0].values
    assert one.rows[1].values != compare({"noise": noise}, pictures(), masks.lines, seed=1).rows[0].values


def test_without_times_the_text_is_the_same_in_every_run():
    def run(**options):
        return compare({"grey": GREY, "mean": baselines.mean_fill}, pictures(), masks.lines, **options)

    one, other = run(timing=False), run(timing=False, batch_size=4)
    for form in (str, evaluation.Comparison.to_markdown, evaluation.Comparison._repr_html_):
        assert form(one) == form(other)
        assert "ms an image" not in form(one)
        assert "ms an image" in form(run())


# --- raw and composited ---------------------------------------------------------------------------------------------------


class Net(nn.Module):
    """Raw prediction: the image a little darker everywhere, and chance in training mode."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, image, mask):
        return self.drop(torch.where(mask.bool(), image, 0.5)) * 0.9

    def inpaint(self, image, mask):
        return torch.where(mask.bool(), image, self(image, mask))


def test_raw_and_composited_are_kept_apart_and_said():
    net, images, known = Net(), pictures(), holes()
    with pytest.raises(TypeError, match=r"inpainter 'net' is a model.*Pass its \.inpaint, or kind='raw'"):
        compare({"net": net}, images, known)
    raw = compare({"net": net}, images, known, kind="raw")
    torch.testing.assert_close(raw.per_image["net"]["mae"], metrics.mae(net.eval()(images, known), images))
    composited = compare({"net": net.inpaint}, images, known)
    assert composited.rows[0].values["mae"].mean < raw.rows[0].values["mae"].mean
    assert "raw (known pixels predicted too)" in raw.to_markdown() and "composited (known pixels kept)" in composited.to_markdown()


def test_a_module_is_compared_in_eval_mode_and_handed_back_as_it_was():
    net = Net().train()
    net.frozen = nn.BatchNorm2d(3).eval()
    compare({"net": net}, pictures(), holes(), kind="raw")
    assert net.training and net.drop.training and not net.frozen.training


def test_no_gradients_are_kept():
    weight = torch.ones(1, requires_grad=True)
    states = []

    def learned(image, mask):
        result = torch.where(mask.bool(), image, weight * 0.5)
        states.append(result.requires_grad)
        return result

    compare({"learned": learned}, pictures(), holes())
    assert states == [False]


# --- an inpainter that breaks its promise is named ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda i, m: None, r"gave a NoneType; expected a float tensor of shape \(23, 3, 16, 16\)"),
        (lambda i, m: i[:, :1], r"shape \(23, 1, 16, 16\) and dtype float32; expected"),
        (lambda i, m: (i * 255).to(torch.uint8), "dtype uint8; expected a float tensor"),
        (lambda i, m: torch.where(m.bool(), i, float("nan")), "gave NaN or infinity, first in image 0"),
        (lambda i, m: torch.where(m.bool(), i, -0.5), r"values from -0\.5 to .*clamp\(0, 1\)"),
        (lambda i, m: i * 0.5, r"changed known pixels, by up to 0\.\d+, first in image 0.*torch\.where"),
        (lambda i, m: torch.where(m.bool(), 0.5, i), "has it taken the mask the wrong way round"),
    ],
)
def test_a_wrong_result_is_named(broken, message):
    with pytest.raises(ValueError, match=f"inpainter 'broken' .*{message}"):
        compare({"grey": GREY, "broken": broken}, pictures(), holes())


def test_the_first_wrong_image_is_counted_over_all_batches():
    def broken(image, mask):
        result = GREY(image, mask)
        result[(image[:, 0, 0, 0] == marked)] = float("nan")
        return result

    images, known = pictures(), holes()
    known[17, :, 0, 0] = 1
    marked = images[17, 0, 0, 0]
    with pytest.raises(ValueError, match="first in image 17"):
        compare({"broken": broken}, images, known, batch_size=5)


def test_an_exception_says_in_which_inpainter_it_happened():
    def broken(image, mask):
        raise KeyError("oops")

    with pytest.raises(KeyError, match="oops") as caught:
        compare({"broken": broken}, pictures(), holes())
    assert any("inpainter 'broken'" in note for note in caught.value.__notes__)


def test_half_precision_inside_is_allowed_if_known_pixels_are_kept():
    def half(image, mask):
        return torch.where(mask.bool(), image.double(), image.half().mean((2, 3), keepdim=True).double())

    compare({"half": half}, pictures(), holes())


# --- bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"inpainters": [GREY]}, TypeError, "inpainters is a list; expected names and callables"),
        ({"inpainters": {}}, ValueError, "there is no inpainter"),
        ({"inpainters": {"grey": 3}}, TypeError, "inpainter 'grey' is an int; expected a callable"),
        ({"images": None}, TypeError, "images is a NoneType; expected an ImageSet"),
        ({"images": pictures()[0]}, ValueError, r"images\[None\]"),
        ({"images": pictures() * 255}, ValueError, r"expected \[0, 1\]"),
        ({"images": pictures()[:0]}, ValueError, "empty"),
        ({"masks": holes(5)}, ValueError, "5 masks for 23 images"),
        ({"masks": holes(side=12)}, ValueError, r"\(12, 12\), the images \(16, 16\)"),
        ({"masks": holes() * 255}, ValueError, "Divide by 255"),
        ({"masks": torch.zeros(1, 1, 16, 16)}, ValueError, r"mask 0 has no known pixel.*\(23 of 23 masks\)"),
        ({"masks": torch.ones(1, 1, 16, 16)}, ValueError, "mask 0 has no hole"),
        ({"metrics": ["psnrr"]}, ValueError, "no metric 'psnrr'; expected one of psnr, "),
        ({"metrics": []}, ValueError, "metrics are none"),
        ({"metrics": ["psnr", "mae", "psnr"]}, ValueError, "metrics are psnr, mae, psnr; expected .* each name once"),
        ({"batch_size": 0}, ValueError, "batch_size is 0"),
        ({"batch_size": 2.5}, ValueError, r"batch_size is 2\.5"),
        ({"inpainters": {1: GREY}}, TypeError, "an inpainter is called 1; expected its name as a string"),
        ({"kind": "both"}, ValueError, "expected 'composited' or 'raw'"),
        ({"buckets": (0, 0.5, 0.2)}, ValueError, "rising edges between 0 and 1"),
        ({"buckets": (0, 10, 20)}, ValueError, "rising edges between 0 and 1"),
    ],
)
def test_bad_input_is_refused(change, error, message):
    arguments = {"inpainters": {"grey": GREY}, "images": pictures(), "masks": holes()} | change
    with pytest.raises(error, match=message):
        compare(arguments.pop("inpainters"), arguments.pop("images"), arguments.pop("masks"), **arguments)


def test_one_metric_is_called_by_its_name():
    alone, listed = (compare({"grey": GREY}, pictures(), holes(), metrics=metrics) for metrics in ("mae", ["mae"]))
    assert list(alone.rows[0].values) == ["mae"] and alone.rows[0].values == listed.rows[0].values


def test_masks_that_look_inverted_are_pointed_out():
    with pytest.warns(UserWarning, match=r"only \d+% of the pixels are known.*1 - masks") as caught:
        compare({"grey": GREY}, pictures(), 1 - holes())
    assert caught[0].filename == __file__


def test_small_images_need_a_choice_of_metrics():
    with pytest.raises(ValueError, match="window of 11 x 11"):
        compare({"grey": GREY}, pictures(side=8), holes(side=8))
    compare({"grey": GREY}, pictures(side=8), holes(side=8), metrics=["psnr"])


# --- masks, buckets -------------------------------------------------------------------------------------------------------


def test_a_family_is_drawn_with_the_seed_and_one_mask_serves_all():
    images = pictures()
    from_family = compare({"grey": GREY}, images, masks.lines, seed=3, timing=False)
    by_hand = compare({"grey": GREY}, images, holes(seed=3), timing=False)
    assert from_family.rows == by_hand.rows
    assert "Masks: lines (seed 3)" in from_family.to_markdown()
    one = compare({"grey": GREY}, images, holes(1), timing=False)
    assert one.rows == compare({"grey": GREY}, images, holes(1).expand(COUNT, -1, -1, -1), timing=False).rows


def test_the_masks_are_named():
    def said(family):
        text = compare({"grey": GREY}, pictures(), family, metrics=["psnr"]).to_markdown()
        return text.split("Masks: ")[1].split(" (seed 0), ")[0]

    assert said(partial(masks.boxes, side=(3, 5))) == "boxes, side=(3, 5)"
    assert said(lambda count, size, generator: holes(count)) == "drawn by a function"
    bank = masks.bank("lines", 50, 16)
    assert said(bank) == bank.source


def test_the_upper_edge_belongs_to_the_bucket():
    known = torch.ones(6, 1, 10, 10)
    for i in range(6):
        known[i, :, : i + 1] = 0  # 10 %, 20 % ... 60 %, none of which a float holds exactly, save for a half
    table = compare({"grey": GREY}, pictures(6, side=10), known, metrics="mae")
    assert [(b.low, b.high, b.images) for b in table.buckets] == [(n / 10, (n + 1) / 10, 1) for n in range(6)]


def test_buckets_hold_each_image_once_by_its_hole_ratio():
    images = pictures(4)
    known = torch.ones(4, 1, 16, 16)
    for i, columns in enumerate((4, 8, 4, 12)):  # a quarter, a half, a quarter, three quarters
        known[i, :, :, :columns] = 0
    table = compare({"grey": GREY, "white": WHITE}, images, known, buckets=(0, 0.25, 0.5, 0.6, 1))
    assert [(b.label, b.images) for b in table.buckets] == [("0-25 %", 2), ("25-50 %", 1), ("60-100 %", 1)]
    psnr = table.per_image["white"]["psnr"].tolist()
    means = [bucket.rows[1].values["psnr"].mean for bucket in table.buckets]
    assert means == pytest.approx([(psnr[0] + psnr[2]) / 2, psnr[1], psnr[3]])
    assert all(b.rows[1].inpainter == "white" and b.rows[1].images == b.images for b in table.buckets)


# --- differences, ties, exact fillings ------------------------------------------------------------------------------------


def test_a_paired_difference_can_be_certain_where_the_intervals_overlap():
    images, known = pictures(), holes()

    def better(image, mask):  # always a little closer to the truth than grey
        return torch.where(mask.bool(), image, 0.5 + 0.1 * (images - 0.5))

    table = compare({"grey": GREY, "better": better}, images, known)
    grey, other = (row.values["psnr"] for row in table.rows)
    assert grey.high > other.low, "the intervals overlap"
    gap = table.difference("better", "grey", "psnr")
    assert gap.low > 0
    values = table.per_image["better"]["psnr"] - table.per_image["grey"]["psnr"]
    assert gap == pytest.approx(mean_interval(values), rel=1e-4)
    assert table.leaders("psnr") == {"better"} and table.leaders("mae") == {"better"}
    for wrong in (("gray", "grey", "psnr"), ("better", "grey", "dice")):
        with pytest.raises(KeyError, match="expected one of"):
            table.difference(*wrong)


def test_what_cannot_be_told_from_the_best_is_marked_like_it():
    images, known = pictures(), holes()

    def almost_grey(image, mask):  # better on half of the images, worse on the others
        return torch.where(mask.bool(), image, torch.where(torch.arange(COUNT) % 2 == 0, 0.5001, 0.4999)[:, None, None, None])

    table = compare({"white": WHITE, "grey": GREY, "almost": almost_grey}, images, known, timing=False)
    assert table.leaders("mae") == {"grey", "almost"}
    text = str(table).splitlines()
    assert [line.count("*") > 0 for line in text[2:5]] == [False, True, True]
    assert compare({"grey": GREY}, images, known).leaders("psnr") == set(), "one alone is not the best"


def test_exact_fillings_count_as_100_db_and_are_mentioned():
    images = pictures()
    table = compare({"truth": lambda image, mask: images, "grey": GREY}, images, holes(), batch_size=100)
    assert table.rows[0].values["psnr"] == (100, 0)
    assert "Some fillings are exact (truth); their infinite PSNR counts as 100 dB." in table.to_markdown()
    assert "exact" not in compare({"grey": GREY}, images, holes()).to_markdown()


def test_a_metric_of_ones_own():
    worst = Metric("worst", "largest error", "lower", 3, lambda p, t, m: (p - t).abs().flatten(1).amax(1))
    table = compare({"grey": GREY, "white": WHITE}, pictures(), holes(), metrics=[worst, "psnr"])
    assert table.rows[1].values["worst"].mean > table.rows[0].values["worst"].mean
    assert "largest error ↓" in str(table) and table.leaders("worst") == {"grey"}
    scalar = Metric("mean", "mean", "lower", 3, lambda p, t, m: (p - t).abs().mean())
    with pytest.raises(ValueError, match=r"metric 'mean' gave .* expected one value an image, \(23,\)"):
        compare({"grey": GREY}, pictures(), holes(), metrics=[scalar])


# --- forms ----------------------------------------------------------------------------------------------------------------


def test_names_cannot_break_the_forms():
    table = compare({"<script>alert(1)</script>": GREY, "a|b": WHITE}, pictures(), holes())
    page = table._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert '<th scope="row">a|b</th>' in page and page.count("</table><p") == page.count("<table")
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.to_markdown().split("\n\n")[0].splitlines()}
    assert len(widths) == 1 and r"a\|b" in table.to_markdown()


def test_the_text_stands_in_columns():
    lines = str(compare({"grey": GREY, "a much longer name": WHITE}, pictures(), holes())).splitlines()
    assert lines[1].startswith("-" * len("a much longer name") + "  -")
    assert lines[2].index("±") == lines[3].index("±")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_gpu_is_used_where_asked_for():
    seen = []

    def spy(image, mask):
        seen.append((image.device.type, mask.device.type))
        return GREY(image, mask)

    there = compare({"grey": spy}, pictures(), holes(), device="cuda", timing=False)
    assert set(seen) == {("cuda", "cuda")}
    torch.testing.assert_close(there.per_image["grey"]["psnr"], compare({"grey": GREY}, pictures(), holes()).per_image["grey"]["psnr"])
