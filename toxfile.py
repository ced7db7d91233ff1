"""A tox plugin: environments with the same ``env_dir`` share one virtual environment.

tox writes an environment's name into its folder and empties the folder when another name comes
along, so that sharing one would install torch anew at each change from the suite to the demo.
Here the folder's own name is written instead; tox's other reasons to start anew (another Python,
a dependency removed, other constraints) hold as they are.
"""

from contextlib import AbstractContextManager
from typing import Any

from tox.plugin import impl
from tox.tox_env.api import ToxEnv
from tox.tox_env.info import Info
from tox.tox_env.python.virtual_env.runner import VirtualEnvRunner
from tox.tox_env.register import ToxEnvRegister


class SharedInfo(Info):
    """What tox remembers about a folder, less which environment was set up in it."""

    def compare(
        self, value: Any, section: str, sub_section: str | None = None
    ) -> AbstractContextManager[tuple[bool, Any | None]]:
        """Compare as tox does, the folder's name standing in for the environment's."""
        if section == ToxEnv.__name__:
            value = {**value, "name": self._path.parent.name}
        return super().compare(value, section, sub_section)


class SharedVirtualEnvRunner(VirtualEnvRunner):
    """tox's own virtual environment, in a folder that may have several names."""

    @staticmethod
    def id() -> str:
        """The value of ``runner`` in ``tox.ini``."""
        return "shared-virtualenv"

    @property
    def cache(self) -> Info:
        """What tox remembers about the folder from the last run."""
        return SharedInfo(self.env_dir)


@impl
def tox_register_tox_env(register: ToxEnvRegister) -> None:
    """Make the runner known to tox."""
    register.add_run_env(SharedVirtualEnvRunner)
