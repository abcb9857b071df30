"""Writes the tables of this folder and the file DATA_LICENSES.md with their sources and hashes.

    python examples/data/make_data.py

Needs numpy and scikit-learn (written with numpy 2.4.6 and scikit-learn 1.9.1). The tables are committed: nothing else in
the project needs Python. Run it again only to change them; the same versions write the same bytes.
"""

import hashlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

HERE = Path(__file__).parent


def write(name, columns, rows):
    """Writes one CSV; a row is a list of already formatted cells."""
    lines = [",".join(columns)] if columns else []
    lines += [",".join(row) for row in rows]
    (HERE / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def digits():
    """1,797 images of 8 by 8 grey levels 0..16, and the digit."""
    data = load_digits()
    rows = ([f"{value:.0f}" for value in image] + [str(digit)] for image, digit in zip(data.data, data.target))
    write("digits.csv", data.feature_names + ["digit"], rows)


def breast_cancer():
    """569 tumours, 30 measurements of their cell nuclei, and whether the tumour is benign."""
    data = load_breast_cancer()
    columns = [name.replace(" ", "_") for name in data.feature_names]
    rows = ([repr(float(value)) for value in row] + [str(benign)] for row, benign in zip(data.data, data.target))
    write("breast_cancer.csv", columns + ["benign"], rows)


def iris():
    """150 flowers, four lengths in centimetres, and the species as text."""
    data = load_iris()
    columns = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    rows = ([repr(float(value)) for value in row] + [data.target_names[kind]] for row, kind in zip(data.data, data.target))
    write("iris.csv", columns + ["species"], rows)


def eight_columns():
    """600 rows of eight numbers and a label, without a header: two classes that no plane separates."""
    rng = np.random.default_rng(2024)
    x = rng.normal(size=(600, 8)).round(3)
    score = 1.5 * x[:, 0] * x[:, 1] + x[:, 2] - x[:, 3] ** 2 + 0.5 * x[:, 4] + 1.0
    label = score + 0.1 * rng.normal(size=600) > 0
    rows = ([f"{value:.3f}" for value in row] + [str(int(y))] for row, y in zip(x, label))
    write("eight_columns.csv", None, rows)


def spiral():
    """Three arms of a spiral in the plane, 100 points each, with the name of the arm."""
    rng = np.random.default_rng(2024)
    rows = []
    for arm, name in enumerate(["blue", "green", "red"]):
        radius = np.linspace(0.05, 1.0, 100)
        angle = 2.0 * np.pi * (arm / 3 + 0.6 * radius) + 0.12 * rng.normal(size=100)
        rows += [[f"{r * np.cos(a):.4f}", f"{r * np.sin(a):.4f}", name] for r, a in zip(radius, angle)]
    write("spiral.csv", ["x", "y", "arm"], rows)


def pendulum():
    """A pendulum of 1 m let go at 1 rad, θ'' = -(g/l) sin θ - 0.1 θ', by Runge-Kutta: time, angle, angular velocity."""
    def slope(state):
        angle, speed = state
        return np.array([speed, -9.81 * np.sin(angle) - 0.1 * speed])

    step, every = 0.001, 20
    state, rows = np.array([1.0, 0.0]), []
    for i in range(500 * every):
        if i % every == 0:
            rows.append([f"{i * step:.2f}", f"{state[0]:.6f}", f"{state[1]:.6f}"])
        k1 = slope(state)
        k2 = slope(state + step / 2 * k1)
        k3 = slope(state + step / 2 * k2)
        k4 = slope(state + step * k3)
        state = state + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    write("pendulum.csv", ["time", "angle", "speed"], rows)


SOURCES = [
    ("digits.csv", "1,797 × 64 grey levels 0..16 and the digit", "E. Alpaydin, C. Kaynak (1998)",
     "[UCI: Optical Recognition of Handwritten Digits](https://doi.org/10.24432/C50P49), its test set, as bundled with "
     "scikit-learn 1.9.1", "CC BY 4.0", "a header; values written as integers"),
    ("breast_cancer.csv", "569 × 30 measurements and whether the tumour is benign",
     "W. H. Wolberg, W. N. Street, O. L. Mangasarian (1995)",
     "[UCI: Breast Cancer Wisconsin (Diagnostic)](https://doi.org/10.24432/C5DW2B), as bundled with scikit-learn 1.9.1",
     "CC BY 4.0", "a header, `_` for spaces in names; the diagnosis as a column `benign` of 0 and 1; no patient numbers"),
    ("iris.csv", "150 × 4 lengths in cm and the species", "R. A. Fisher (1936)",
     "[UCI: Iris](https://doi.org/10.24432/C56C76), as bundled with scikit-learn 1.9.1 (with the two rows corrected "
     "from Fisher's paper)", "CC BY 4.0", "a header; the species as text"),
    ("eight_columns.csv", "600 × 8 numbers and a label, no header", "this project", "`make_data.py`, seed 2024", "CC0 1.0", ""),
    ("spiral.csv", "300 × 2 coordinates and the name of the arm", "this project", "`make_data.py`, seed 2024", "CC0 1.0", ""),
    ("pendulum.csv", "500 × time, angle and angular velocity of a damped pendulum", "this project", "`make_data.py`", "CC0 1.0", ""),
]


def licenses():
    """Writes who made each file, where it is from, what was changed, and its hash."""
    text = "# Where the data comes from\n\nWritten by `make_data.py`, as are the tables.\n"
    for name, what, creators, source, license, changes in SOURCES:
        digest = hashlib.sha256((HERE / name).read_bytes()).hexdigest()
        text += f"\n## {name}\n\n- {what}\n- creators: {creators}\n- source: {source}\n- licence: {license}\n"
        text += f"- changes: {changes}\n" if changes else ""
        text += f"- sha256: `{digest}`\n"
    (HERE / "DATA_LICENSES.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    digits()
    breast_cancer()
    iris()
    eight_columns()
    spiral()
    pendulum()
    licenses()
