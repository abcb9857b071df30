"""The tables, in Markdown."""

import os
import platform
import statistics
import sys

import workloads

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def unit(work, images):
    """-> the unit of a workload's row, and how the time of an epoch becomes a number of it."""
    if isinstance(work, workloads.Matmul):
        return "GFLOP/s", lambda seconds: 2 * work.n**3 / seconds / 1e9
    if work.name == "W4":
        return "ms/epoch", lambda seconds: seconds * 1e3
    if work.name in ("W6", "W7"):
        n_rows = images if work.name == "W6" else workloads.PICTURES
        return "samples/s", lambda seconds: n_rows // work.batch * work.batch / seconds
    return "µs/epoch", lambda seconds: seconds * 1e6


def short(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def spread(values):
    """The median, and the quartiles in small print."""
    middle = statistics.median(values)
    if len(values) < 3:
        return short(middle)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{short(middle)} <sub>{short(low)}–{short(high)}</sub>"


def best_peer(times):
    """The peer of the smallest median, or None."""
    medians = {system: statistics.median(of) for system, of in times.items() if not system.startswith("nabla")}
    return min(medians, key=medians.get) if medians else None


def ratio(times, variant):
    """The median over rounds of the best peer's time by Nabla's in the same round."""
    peer = best_peer(times)
    if peer is None or variant not in times:
        return "–"
    return f"{statistics.median(a / b for a, b in zip(times[peer], times[variant])):.2f}"


def progress(work, threads, times, images):
    name, of = unit(work, images)
    line = ", ".join(f"{system} {short(of(statistics.median(values)))}" for system, values in times.items())
    print(f"{work.name}, {threads} threads: {line} {name}", file=sys.stderr, flush=True)


def table(head, rows):
    line = lambda cells: "| " + " | ".join(cells) + " |"
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])


def systems_of(rows):
    found = {}
    for _, _, times in rows:
        found |= dict.fromkeys(times)
    return sorted(found, key=lambda system: not system.startswith("nabla"))


def both(of_threads):
    """The better number of threads for each system, by its median: {system: times}."""
    best = {}
    for times in of_threads:
        for system, values in times.items():
            if system not in best or statistics.median(values) < statistics.median(best[system]):
                best[system] = values
    return best


def trainings(rows, options):
    systems = systems_of(rows)
    variants = [system for system in systems if system.startswith("nabla")]
    lines, seen = [], {}
    for work, threads, times in rows:
        seen.setdefault(work, []).append((str(threads), times))
    for work, measured in seen.items():
        name, of = unit(work, options.images)
        if len(measured) > 1:
            measured = [*measured, ("best", both([times for _, times in measured]))]
        for threads, times in measured:
            cells = [spread([of(t) for t in times[system]]) if system in times else "" for system in systems]
            ratios = [ratio(times, variant) if variant in times else "" for variant in variants]
            lines.append([work.name, name, threads, *cells, best_peer(times) or "–", *ratios])
    head = ["work", "unit", "threads", *systems, "best peer", *(f"best peer / {variant}" for variant in variants)]
    return table(head, lines)


def whole_processes(rows):
    systems = systems_of(rows)
    lines = []
    for title, threads, found in rows:
        for what, column, scale in (("s", 0, 1), ("peak MB", 1, 1e-6)):
            values = {system: [use[column] * scale for use in uses] for system, uses in found.items()}
            cells = [spread(values[system]) if system in values else "" for system in systems]
            peer = best_peer(values)
            own = statistics.median(values["nabla train"])
            by = f"{statistics.median(values[peer]) / own:.1f}" if peer else "–"
            lines.append([title, what, str(threads), *cells, by])
    return table(["process", "unit", "threads", *systems, "best peer / nabla train"], lines)


def processor():
    try:
        with open("/proc/cpuinfo") as facts:
            model = next(line.split(":", 1)[1].strip() for line in facts if line.startswith("model name"))
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, {len(os.sched_getaffinity(0))} processors"


def document(rows, processes, remarks, options, runner, installed, today):
    versions = ", ".join(f"{name} {version}" for name, version in installed.items())
    engine = f", engine {options.engine}" if options.engine else ""
    parts = [f"Measured on {today} on {processor()}: nabla {runner.version}{engine}; {versions or 'no peers'}; "
             f"Python {platform.python_version()}, NumPy {workloads.np.__version__}; {options.rounds} rounds, "
             f"blocks of {options.seconds:g} s; the load of the machine was {options.load:.1f} before."]
    if rows:
        parts.append(trainings(rows, options))
        checked = ", ".join(f"{work.name} {work.tolerance:g}" for work in dict.fromkeys(work for work, _, _ in rows))
        parts.append("Final costs agree between all systems that train the same net, within (relative): " + checked + "."
                     if not remarks else "**Final costs differ**: " + "; ".join(remarks) + ".")
    if processes:
        parts.append(whole_processes(processes))
    return "\n\n".join(parts)


def replace(path, text):
    """Puts the text between the markers of a file."""
    before, rest = path.read_text().split(BEGIN)
    _, after = rest.split(END)
    path.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
