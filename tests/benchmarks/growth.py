"""How the cost of BERT grows: with length, batch, layers, width and threads, in float32 and with products in bf16.

Usage: tests/benchmarks/run growth [--repeat N]

Runs `bert bench` for each point and writes docs/growth.json, and docs/growth.svg and docs/roofline.svg from it. The roofline's
roof is the peak that each run measured from registers, its slope the speed at which weights come from memory: that of one token
through a model which no cache holds.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as pyplot
import matplotlib.ticker

from inference import BASE, PROJECT

DOCS = PROJECT / "docs"
COLORS = {"float32": "#1f4e79", "bf16": "#c55a11"}


def sized(width=768, layers=12):
    """BERT's sizes at another width or depth: heads of 64, four times as wide in the middle."""
    return BASE | {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": width // 64,
        "intermediate_size": 4 * width,
    }


SERIES = {  # what grows: its values, and of each the sizes, batch, length and threads
    "length": ([16, 32, 64, 128, 256, 512], lambda n: (BASE, 1, n, None)),
    "batch": ([1, 2, 4, 8, 16, 32, 64], lambda n: (BASE, n, 128, None)),
    "layers": ([1, 2, 4, 8, 12, 24], lambda n: (sized(layers=n), 1, 128, None)),
    "width": ([128, 256, 512, 768, 1024], lambda n: (sized(width=n), 1, 128, None)),
    "threads": (list(range(1, os.cpu_count() + 1)), lambda n: (BASE, 8, 128, n)),
}


def bench(program, sizes, batch, length, threads, precision, repeat):
    """One run of `bert bench`, as it prints it."""
    config = {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": 1000, "max_position_embeddings": 512, **sizes}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "config.json"
        path.write_text(json.dumps(config))
        command = [program, "bench", "--json", "--quiet", "--config", path, "--batch", batch, "--length", length]
        command += ["--repeat", repeat, "--precision", precision, *(["--threads", threads] if threads else [])]
        answer = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def measure(program, repeat):
    """{precision: {what grows: [answers]}}; each point's precisions stand side by side in time."""
    results = {precision: {name: [] for name in SERIES} for precision in COLORS}
    for name, (values, work) in SERIES.items():
        for value in values:
            for precision in COLORS:
                answer = bench(program, *work(value), precision, repeat)
                results[precision][name].append(answer | {"value": value})
                print(f"{name} {value} {precision}: {answer['milliseconds']:.1f} ms", flush=True)
    # One token: every weight is read once for two operations, and the memory's speed is what takes the time.
    for precision in COLORS:
        results[precision]["one_token"] = [bench(program, BASE, 1, 1, None, precision, repeat)]
    return results


def plain_numbers(axis):
    """Marks at 1, 2 and 5 of every power of ten, written out."""
    axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")


def draw_growth(results):
    figure, axes = pyplot.subplots(1, len(SERIES), figsize=(16, 3.4), layout="constrained")
    for axis, name in zip(axes, SERIES):
        for precision, color in COLORS.items():
            answers = results[precision][name]
            axis.plot(
                [answer["value"] for answer in answers],
                [answer["milliseconds"] for answer in answers],
                "o-",
                color=color,
                label=precision,
            )
        axis.set(xscale="log", yscale="log", xlabel=name, xticks=[answer["value"] for answer in answers])
        axis.set_xticklabels([answer["value"] for answer in answers])
        axis.minorticks_off()
        plain_numbers(axis.yaxis)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("milliseconds")
    axes[0].legend(frameon=False)
    figure.savefig(DOCS / "growth.svg", metadata={"Date": None})


def weight_bytes(precision):
    """What the encoder's products read of BERT-base."""
    H, I, layers = BASE["hidden_size"], BASE["intermediate_size"], BASE["num_hidden_layers"]
    return layers * (4 * H * H + 2 * H * I) * (2 if precision == "bf16" else 4)


def draw_roofline(results):
    figure, axis = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    for precision, color in COLORS.items():
        series = results[precision]
        peak = max(answer["peak_gflops"] for name in SERIES for answer in series[name] if name != "threads")
        one = series["one_token"][0]
        speed = weight_bytes(precision) / one["milliseconds"] * 1e-6  # GB/s
        # Operations for each byte of weights: a row of x takes two a weight.
        points = [(answer["value"], answer["gflops"]) for answer in series["length"]] + [(1, one["gflops"])]
        points += [(128 * answer["value"], answer["gflops"]) for answer in series["batch"]]
        width = 2 if precision == "bf16" else 4
        intensity = [2 * rows / width for rows, _ in points]
        axis.plot(intensity, [gflops for _, gflops in points], "o", color=color, label=f"{precision}: BERT-base, 1 to 8,192 tokens")
        edge = peak / speed
        axis.plot([0.4, edge, 2e4], [0.4 * speed, peak, peak], "-", color=color, linewidth=1)
        axis.annotate(f"{peak:.0f} GFLOP/s", (2e4, peak), ha="right", va="bottom", color=color)
        place = dict(ha="left", va="top") if precision == "bf16" else dict(ha="right", va="bottom")  # either side of the slopes
        axis.annotate(f" {speed:.0f} GB/s ", (2, 2 * speed), color=color, **place)
    axis.set(xscale="log", yscale="log", xlabel="operations for each byte of weights", ylabel="GFLOP/s")
    axis.minorticks_off()
    axis.xaxis.set_major_formatter("{x:g}")
    plain_numbers(axis.yaxis)
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, loc="lower right")
    figure.savefig(DOCS / "roofline.svg", metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--draw", action="store_true", help="draw docs/growth.json again, without measuring")
    parser.add_argument("program", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    matplotlib.rcParams["svg.hashsalt"] = "growth"  # the same file from the same numbers
    stored = DOCS / "growth.json"
    if arguments.draw:
        results = json.loads(stored.read_text())
    else:
        results = measure(arguments.program, arguments.repeat)
        stored.write_text(json.dumps(results, indent=1) + "\n")
    draw_growth(results)
    draw_roofline(results)


if __name__ == "__main__":
    main()
