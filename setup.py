"""The pip package. Shared files go where ROS 2 puts them: <prefix>/share/diffupose_ros."""

from glob import glob

from setuptools import find_packages, setup

SHARE = "share/diffupose_ros"

setup(
    packages=find_packages(include=["diffupose_ros", "diffupose_ros.*"]),
    data_files=[
        (SHARE, ["package.xml"]),
        *((f"{SHARE}/{folder}", glob(f"{folder}/*.*")) for folder in ("msg", "launch", "config")),
        *((f"{SHARE}/resource/{folder}", glob(f"resource/{folder}/*.*")) for folder in ("weights", "clips")),
    ],
)
