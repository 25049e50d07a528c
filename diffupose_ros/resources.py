"""Where the files are that ship beside the code: messages, weights, clips, configuration."""

from pathlib import Path

PACKAGE = "diffupose_ros"


def resource_path(relative: str) -> Path:
    """Return the path of a shipped file or folder, e.g. ``resource/weights/default.safetensors``.

    In a source tree that is the repository itself; installed, by pip or by colcon, it is
    ``<prefix>/share/diffupose_ros``, as everywhere in ROS 2.

    Raises:
        FileNotFoundError: the package's shared files are not installed beside its code.
    """
    for parent in Path(__file__).parents:
        for root in (parent, parent / "share" / PACKAGE):
            if (root / "package.xml").is_file():
                return root / relative
    raise FileNotFoundError(
        f"the shared files of {PACKAGE} are not beside {Path(__file__).parent}: reinstall the package"
    )
