"""Controls: permutation tests of a network's responses against surrogates and random weights.

The package can be called, because the public function `seisdream.controls` has its name.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from seisdream.controls.permutation import controls

        return controls(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
