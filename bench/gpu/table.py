"""One table of ratios from what `run` measured: python3 table.py FOLDER. A ratio above 1 means that ours is faster."""
import csv
import glob
import json
import os
import re
import sys


def read(folder, pattern):
    reports = []
    for path in sorted(glob.glob(os.path.join(folder, pattern))):
        with open(path) as file:
            reports.append(json.load(file))
    return reports


def cases(reports, key="cases"):
    return [c for r in reports for c in r.get(key, [])]


def find(rows, name, *words):
    """The fastest measured row of that name whose shape has all the words."""
    fitting = [r for r in rows if r["name"] == name and r.get("milliseconds") and all(w in re.split(r"[ ,]+", r["shape"]) for w in words)]
    return min(fitting, key=lambda r: r["milliseconds"], default=None)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, what, ours, theirs, ratio, asked=""):
        self.rows.append((what, ours, theirs, f"{ratio:.2f}", asked))

    def missing(self, what, reason):
        self.rows.append((what, "", "", "-", reason))

    def __str__(self):
        head = ("what", "ours", "theirs", "ratio", "asked for")
        widths = [max(len(r[i]) for r in [head, *self.rows]) for i in range(5)]
        lines = ["| " + " | ".join(v.ljust(w) for v, w in zip(row, widths)) + " |" for row in [head, *self.rows]]
        lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
        return "\n".join(lines)


def ms(value):
    return f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"


def products(table, ours, theirs):
    copy = find(theirs, "copy")
    for theirs_row in (r for r in theirs if r["name"].startswith("linear.xl.")):
        name = theirs_row["name"].replace("linear.xl", "linear.bf16")
        row = find(ours, name)
        if row is None:
            table.missing(name, "ours was not measured")
            continue
        # Both have the same tensors, so that times compare.
        table.add(f"{name} to cuBLAS", ms(row["milliseconds"]), ms(theirs_row["milliseconds"]), theirs_row["milliseconds"] / row["milliseconds"],
                  "0.6" if "in_proj" in name or "out_proj" in name else "")
        if copy and ("x_proj" in name or "dt_proj" in name):
            rate = theirs_row["bytes"] / row["milliseconds"] * 1e-6
            table.add(f"{name} to the copy", f"{rate:.0f} GB/s", f"{copy['rate']:.0f} GB/s", rate / copy["rate"], "0.7")


def scan(table, ours, theirs, gigahertz, multiprocessors):
    for length in (256, 1024, 4096, 16384):
        words = ("B8", f"L{length}", "E2304", "N16")
        forward, backward = find(ours, "selective-scan.forward", *words), find(ours, "selective-scan.backward", *words)
        if forward is None:
            table.missing(f"scan forward L {length}", "ours was not measured")
            continue
        bound = 2e3 * 8 * length * 2304 * 16 / (multiprocessors * 16 * gigahertz * 1e9)
        table.add(f"scan forward L {length} to its bound", ms(forward["milliseconds"]), ms(bound), bound / forward["milliseconds"], "0.67")
        for kind in ("bfloat16", "float32"):
            published, kept = find(theirs, "cuda-scan.forward", *words, kind), find(theirs, "cuda-scan.forward-keeping", *words, kind)
            adjoint = find(theirs, "cuda-scan.backward", *words, kind)
            asked = "1.0" if kind == "bfloat16" else ""
            if published:
                table.add(f"scan forward L {length} to CUDA C++ {kind}", ms(forward["milliseconds"]), ms(published["milliseconds"]),
                          published["milliseconds"] / forward["milliseconds"], asked)
            if backward and kept and adjoint:
                mine, other = forward["milliseconds"] + backward["milliseconds"], kept["milliseconds"] + adjoint["milliseconds"]
                table.add(f"scan both passes L {length} to CUDA C++ {kind}", ms(mine), ms(other), other / mine, asked)
        triton = find(theirs, "triton-scan.forward", *words)
        if triton:
            table.add(f"scan forward L {length} to Triton bf16", ms(forward["milliseconds"]), ms(triton["milliseconds"]),
                      triton["milliseconds"] / forward["milliseconds"])
    per_token = {}
    for row in (r for r in ours if r["name"] == "selective-scan.forward" and "E256" in r["shape"]):
        per_token[int(re.search(r"L(\d+)", row["shape"])[1])] = row["milliseconds"] / int(re.search(r"L(\d+)", row["shape"])[1])
    if {4096, 65536} <= per_token.keys():
        table.add("scan time a token, L 4,096 to 65,536", f"{1e6 * per_token[65536]:.2f} ns", f"{1e6 * per_token[4096]:.2f} ns",
                  per_token[4096] / per_token[65536], "0.87")


def models(table, ours, theirs):
    for point in ours:
        what = f"{point['pass']} B {point['batch']} L {point['tokens']}"
        if point.get("milliseconds") is None:
            table.missing(f"DiM-XL/2 {what}", "ours: out of memory")
            continue
        kind = point["pass"].split("-")[0]
        for model in ("dim", "dit"):
            # A model whose memory ended had its batch halved: time is compared per sample.
            rows = [r for r in theirs if r["name"].startswith(f"{model}.{kind}") and r.get("milliseconds") and
                    f"L{point['tokens']}" in r["shape"].split()]
            batch = lambda r: int(re.match(r"B(\d+)", r["shape"])[1])
            wanted = 64 if point["batch"] > 8 else 8
            rows = [r for r in rows if (batch(r) > 8) == (wanted > 8)]
            if not rows:
                continue
            row = min(rows, key=lambda r: r["milliseconds"] / batch(r))
            asked = {("dim", "train", 256): "0.7", ("dit", "train", 4096): "1.0", ("dim", "sample", 256): "0.7", ("dit", "sample", 4096): "1.0"}
            table.add(f"DiM-XL/2 {what} to {dict(dim='DiM', dit='DiT')[model]} {row['name'].split('.')[1]} B {batch(row)}",
                      f"{ms(point['milliseconds'])}, {point['bytes'] / 1e9:.1f} GB", f"{ms(row['milliseconds'])}, {row['bytes'] / 1e9:.1f} GB",
                      row["milliseconds"] / batch(row) / (point["milliseconds"] / point["batch"]), asked.get((model, point["pass"], point["tokens"]), ""))


def main(folder):
    ours, theirs = read(folder, "ours-*.json"), read(folder, "theirs-*.json")
    rows, other = cases(ours), cases(theirs)
    with open(os.path.join(folder, "gpu.csv")) as file:
        name, driver, megahertz, multiprocessors = [v.strip() for v in next(csv.reader(file))]
    table = Table()
    products(table, rows, other)
    scan(table, rows, other, float(megahertz) / 1e3, int(multiprocessors))
    models(table, cases(ours, "models"), other)
    for row in (r for r in rows if r["unit"] == "GB/s" and r.get("share")):
        table.add(f"{row['name']} {row['shape']} to the copy", f"{row['rate']:.0f} GB/s", f"{row['rate'] / row['share']:.0f} GB/s", row["share"], "0.8")
    wrong = [f"{c['name']} {c.get('shape', '')}: error {float(c['error']):.1e}, at most {c['limit']:.0e}"
             for c in cases(ours, "checks") if not c["isGood"]]
    wrong += [f"{c['name']} {c['shape']}: error {c['error']:.1e}, at most {c['limit']:.0e}" for c in other if c.get("good") is False]
    broken = [f"ours: {r['error'].splitlines()[0]}" for r in ours if r.get("error")]
    broken += [f"PyTorch part failed: {p}" for r in theirs for p in r.get("failed", [])]
    text = f"{name}, driver {driver}, {megahertz} MHz at most, {multiprocessors} multiprocessors\n\n{table}\n"
    text += "".join(f"\nWRONG: {w}" for w in wrong) + "".join(f"\nFAILED: {b}" for b in broken)
    checks = len(cases(ours, "checks")) + sum("good" in c for c in other)
    text += f"\n{checks - len(wrong)} of {checks} checks passed." if checks else "\nNothing was checked."
    print(text)
    with open(os.path.join(folder, "table.md"), "w") as file:
        file.write(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
