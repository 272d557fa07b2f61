# pyright: reportIncompleteStub=false
# pyarrow ships without types; what comes out of it is annotated where it is handed on.
from typing import Any

def __getattr__(name: str) -> Any: ...
