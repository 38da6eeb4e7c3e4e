"""The version of the program."""

from importlib.metadata import PackageNotFoundError, version


def project_version() -> str:
    """The installed version, or `dev` when run from a checkout that is not installed."""
    try:
        return version("visavis")
    except PackageNotFoundError:
        return "dev"
