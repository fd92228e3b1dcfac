"""What the docstring of a public object must describe, and which parts are missing."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, is_dataclass
from functools import cached_property
from typing import Any

SECTION = re.compile(r"^(Args|Returns|Raises):\n((?:(?: {4}.*)?\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^ {4}([\w.]+): (.*(?:\n {8}.*)*)", re.MULTILINE)
EXAMPLE = re.compile(r"^```py(?:thon)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\b(?:int|float)\b")
MAKERS = ("__init__", "__new__")
UNIT = re.compile(
    r"\b(?:messages?|letters|bytes|operations|tasks|senders|receivers|seconds|deliver\w+)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Documented:
    """A public object as a reader sees the object: its signature and its docstring.

    Args:
        name: the name by which people call the object, with its class.
        thing: the class, function, method or property itself.
        owner: the class of a method or property.
    """

    name: str
    thing: Any
    owner: type[Any] | None = None

    @cached_property
    def text(self) -> str:
        """The docstring, written here or inherited."""
        return f"{inspect.getdoc(self.thing) or ''}\n"

    @cached_property
    def function(self) -> Any:
        """The function that users call; None for a class whose objects are given to users."""
        if isinstance(self.thing, property):
            return self.thing.fget
        if not inspect.isclass(self.thing):
            return self.thing
        made = next((getattr(self.thing, key) for key in MAKERS if key in vars(self.thing)), None)
        given = is_dataclass(self.thing) or "\nMade by `" in self.text
        return None if given or not is_ours(made) else made

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The name and the type of each argument."""
        hints: dict[str, Any] = getattr(self.function, "__annotations__", {})
        return {name: str(kind) for name, kind in hints.items() if name != "return"}

    @cached_property
    def returns(self) -> str:
        """The type of what a call returns."""
        if inspect.isclass(self.thing):
            return "None"
        return str(self.function.__annotations__["return"])

    def section(self, title: str) -> dict[str, str]:
        """Return a section of the docstring, entry by entry, or as an entry without a name."""
        found = dict(SECTION.findall(self.text)).get(title, "")
        return dict(ENTRY.findall(found)) or ({"": found} if found else {})

    @property
    def has_example(self) -> bool:
        """Whether the docstring has an example, or an example of the class calls the object."""
        of_class = EXAMPLE.findall(inspect.getdoc(self.owner) or "") if self.owner else []
        call = f".{self.name.rpartition('.')[2]}("
        return bool(EXAMPLE.search(self.text)) or any(call in example for example in of_class)

    def untold(self, harmless: set[str]) -> list[str]:
        """Return what the docstring must tell and does not.

        Args:
            harmless: the names of all functions that raise nothing; the remaining functions must
                describe their errors.
        """
        if isinstance(self.thing, property):
            return ["unit"] if NUMBER.search(self.returns) and not UNIT.search(self.text) else []
        told = self.section("Args")
        missing = [name for name in self.parameters if name not in told]
        missing += [
            f"unit of {name}"
            for name, kind in self.parameters.items()
            if NUMBER.search(kind) and not UNIT.search(told.get(name, ""))
        ]
        if self.returns != "None" and not self.section("Returns"):
            missing.append("Returns")
        if self.function and bool(self.section("Raises")) == (self.name in harmless):
            missing.append("Raises")
        waits = inspect.iscoroutinefunction(self.thing) or "AsyncContextManager" in self.returns
        if waits and "cancel" not in self.text:
            missing.append("cancellation")
        return missing if self.has_example else [*missing, "example"]


def documented(package: Any) -> list[Documented]:
    """Return everything that a package exports, and every public member that is ours."""
    exported = {name: getattr(package, name) for name in package.__all__}
    return [
        *(Documented(name, thing) for name, thing in exported.items()),
        *(
            Documented(f"{name}.{key}", member, thing)
            for name, thing in exported.items()
            if inspect.isclass(thing)
            for key, member in inspect.getmembers(thing)
            if key[0] != "_" and (isinstance(member, property) or is_ours(member))
        ),
    ]


def is_ours(member: Any) -> bool:
    """Return whether a member is a method of this library, and not of a foreign base class."""
    return inspect.isfunction(member) and member.__module__.startswith("anycast")
