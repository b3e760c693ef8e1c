"""Maps app/, calibration/ and examples/ into the package, so that `costmodel` is the only importable name."""

from setuptools import find_packages, setup

roots = {
    "costmodel": "costmodel",
    "costmodel.app": "app",
    "costmodel.calibration": "calibration",
    "costmodel.examples": "examples",
}
setup(
    package_dir=roots,
    packages=[p for name, root in roots.items() for p in (name, *(f"{name}.{s}" for s in find_packages(root)))],
    include_package_data=False,
    package_data={
        "costmodel": ["py.typed"],
        "costmodel.catalog": ["data/*.csv", "data/profiles/*.json"],
        "costmodel.report": ["templates/*.html"],
        "costmodel.validation": ["published.csv", "runs.csv.gz"],
        "costmodel.quality": ["data/*.csv"],
        "costmodel.app": [".streamlit/*.toml"],
        "costmodel.examples": ["*.yaml"],
    },
)
