import pytest

from rnnlab.data.sources.packages import package_file, package_version
from rnnlab.errors import DataError


def test_a_file_of_a_package_is_found():
    assert package_file("torch", "__init__.py").is_file()
    assert package_version("torch").startswith("2")


def test_a_package_that_is_not_installed_is_named_with_what_to_install():
    with pytest.raises(DataError, match="pip install no-such-package"):
        package_file("no_such_package", "data.csv")


def test_a_package_without_the_file_is_named():
    with pytest.raises(DataError, match=r"no-such\.csv: the installed torch has no such file"):
        package_file("torch", "no-such.csv")
