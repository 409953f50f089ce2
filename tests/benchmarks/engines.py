"""Engines as processes that stay, asked in turn on a machine that others use too.

A sample during which other processes took more than 0.15 of a core is dropped and taken again.
"""

import os
import pathlib
import statistics
import subprocess
import time

BUSY = 0.15  # of a core, by processes that aren't measured
TICKS = os.sysconf("SC_CLK_TCK")


class Engine:
    """A process that reads requests, a line each, and answers with milliseconds and numbers."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        while self._line() != "ready":
            pass

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: ended with status {self.process.wait()}")
        return line.strip()

    def ask(self, request):
        """Milliseconds of one pass, and the numbers to compare."""
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        milliseconds, *numbers = map(float, self._line().split())
        return milliseconds, numbers

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def all_ticks():
    """Time that any process has run so far: user, nice, system, interrupts, and what the host took away."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[i]) for i in (0, 1, 2, 5, 6, 7))


def own_ticks(processes):
    """Time that these processes have run so far."""
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total


def sample(engines, engine, request):
    """One answer, taken again until nobody else was busy; after 20 attempts as it comes, and counted as disturbed."""
    processes = [os.getpid(), *(entry.process.pid for entry in engines)]
    for attempt in range(20):
        begin, others = time.perf_counter(), all_ticks() - own_ticks(processes)
        milliseconds, numbers = engine.ask(request)
        seconds = time.perf_counter() - begin
        if (all_ticks() - own_ticks(processes) - others) / TICKS <= BUSY * seconds + 1 / TICKS:
            return milliseconds, numbers, False
        time.sleep(0.2)
    return milliseconds, numbers, True


def quartiles(values):
    return statistics.quantiles(values, n=4, method="inclusive")


def alternate(engines, requests, rounds=9):
    """Asks every engine in turn, round after round; engines[0] is this project.

    requests: one for each engine. Returns {name: [milliseconds]}, {name: [numbers]}, and how many samples were disturbed.
    """
    times = {engine.name: [] for engine in engines}
    numbers, disturbed = {}, 0
    for engine, request in zip(engines, requests):
        numbers[engine.name] = engine.ask(request)[1]  # memory is taken, code is compiled
    for _ in range(rounds):
        for engine, request in zip(engines, requests):
            milliseconds, _, noisy = sample(engines, engine, request)
            times[engine.name].append(milliseconds)
            disturbed += noisy
    return times, numbers, disturbed


def compare(name, numbers, own, limit):
    """Stops where an engine didn't compute the same."""
    worst = max(abs(a - b) for a, b in zip(numbers, own, strict=True))
    if not worst <= limit:
        raise SystemExit(f"{name}: computes something else: a difference of {worst:.1e}")
    return worst


def table(title, times, disturbed):
    """Median, quartiles, and this project's time over each peer's, taken round by round."""
    own = next(iter(times))
    lines = [f"### {title}", "", "| engine | ms | quartiles | bert / engine | quartiles |", "| --- | --- | --- | --- | --- |"]
    steady = True
    for name, values in times.items():
        low, median, high = quartiles(values)
        row = f"| {name} | {median:.4g} | {low:.4g} to {high:.4g} |"
        if name == own:
            lines.append(row + " | |")
            continue
        below, ratio, above = quartiles([a / b for a, b in zip(times[own], values)])
        steady = steady and below >= 0.94 * ratio and above <= 1.06 * ratio
        lines.append(row + f" {ratio:.3f} | {below:.3f} to {above:.3f} |")
    best = min((name for name in times if name != own), key=lambda name: statistics.median(times[name]))
    ratio = statistics.median(a / b for a, b in zip(times[own], times[best]))
    note = f"; {disturbed} samples disturbed" if disturbed else ""
    lines += ["", f"Best peer: {best}, ratio {ratio:.3f}{note}.", ""]
    return "\n".join(lines), steady


def until_steady(title, engines, requests, rounds, check):
    """Prints a table; measured again, up to three times, while a ratio's quartiles are more than 6 % from its median.

    check is given {name: [numbers]} and stops where an engine computed something else.
    """
    for attempt in range(3):
        times, numbers, disturbed = alternate(engines, requests, rounds)
        check(numbers)
        text, steady = table(title, times, disturbed)
        print(text, flush=True)
        if steady:
            break
        if attempt < 2:
            print("Quartiles more than 6 % from the median: measured again.\n", flush=True)
