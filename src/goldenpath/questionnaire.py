"""Reads a Copier template's questions and resolves answers the way Copier does, but reports every problem at once.

Copier has no public way to ask what a template's questions are, and stops at the first bad answer with a traceback.
This module evaluates the same files with the same Jinja environment; a test holds it to what Copier itself records.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from goldenpath.errors import ExitCode, GoldenpathError, UsageProblem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2.sandbox import SandboxedEnvironment

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE = {"y", "yes", "t", "true", "on", "1"}
_FALSE = {"n", "no", "f", "false", "off", "0", "", "none", "null", "~"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One possible answer.

    Args:
        title: What a person reads.
        value: What is recorded.
        refused: Why it cannot be chosen with the answers so far; empty when it can.
    """

    title: str
    value: Any
    refused: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a set of given answers comes to.

    Args:
        values: Every answer and computed value by name, in file order.
        answers: The answers alone, as Copier records them.
        given_names: The answers that were given rather than taken from a default.
        problems: Everything that is wrong; empty when the service can be written.
    """

    values: dict[str, Any]
    answers: dict[str, Any]
    given_names: frozenset[str]
    problems: list[UsageProblem]

    def given(self, name: str) -> bool:
        """Say whether an answer was given rather than taken from its default."""
        return name in self.given_names


class _Unset(LookupError):  # noqa: N818 - a signal, not an error
    """A default rendered to `UNSET`: the question has none with these answers."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, as its file declares it.

    Args:
        name: The answer's name.
        declared: The question's entry in its file.
    """

    name: str
    declared: dict[str, Any]

    @property
    def computed(self) -> bool:
        """Whether its value follows from other answers and is never given."""
        return self.declared.get("when") is False

    @property
    def asked(self) -> bool:
        """Whether a short interview asks it."""
        return not self.computed and self.declared.get("ask", True) is not False

    @property
    def multiselect(self) -> bool:
        """Whether the answer is a list."""
        return bool(self.declared.get("multiselect", False))

    @property
    def has_choices(self) -> bool:
        """Whether the answer comes from a list of choices."""
        return bool(self.declared.get("choices"))

    @property
    def type(self) -> str:
        """The declared type: str, int, float, bool, json or yaml."""
        declared = self.declared.get("type", "")
        if declared:
            return str(declared)
        default = type(self.declared.get("default")).__name__
        return default if default in {"str", "int", "float", "bool"} else "yaml"


@dataclass(slots=True)
class Questionnaire:
    """A template's questions, in the order in which they are asked.

    Args:
        questions: The questions by name.
        environment: The Jinja environment of the template.
    """

    questions: dict[str, Question]
    environment: SandboxedEnvironment
    _templates: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path) -> Questionnaire:
        """Read a template's questions.

        Args:
            directory: The folder that holds `copier.yml`.

        Returns:
            The questionnaire.

        Raises:
            GoldenpathError: The files cannot be read.
        """
        import jinja2  # noqa: PLC0415 - `--help` need not pay for it
        from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415

        config = _load_config(directory / "copier.yml")
        options = dict(config.get("_envops", {}))
        undefined = str(options.pop("undefined", "jinja2.Undefined"))
        environment = SandboxedEnvironment(
            loader=jinja2.FileSystemLoader(directory),
            extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
            undefined=jinja2.StrictUndefined if undefined.endswith("StrictUndefined") else jinja2.Undefined,
            **{"keep_trailing_newline": True, **options},
        )
        questions = {
            name: Question(name, entry if isinstance(entry, dict) else {"default": entry})
            for name, entry in config.items()
            if not name.startswith("_")
        }
        return cls(questions, environment)

    def resolve(self, given: Mapping[str, Any]) -> Resolution:
        """Work out every answer and computed value.

        A question whose answer is refused, or which has no default, is reported and left out; the questions after it
        are then resolved as far as they do not need it.

        Args:
            given: Answers by name, as text or as YAML values.

        Returns:
            The values with everything that is wrong with them.
        """
        problems = [problem for name in given if (problem := self._unknown(name, given[name]))]
        values: dict[str, Any] = {}
        for name, question in self.questions.items():
            if name in given and not question.computed:
                value, refusal = self.parse(name, given[name], values)
                shown: Any = given[name]
            else:
                try:
                    shown = self.default(name, values)
                    value, refusal = (shown, "") if question.computed else self.parse(name, shown, values)
                except _Unset:
                    shown, value, refusal = None, None, "There is no default for these answers."
                except Exception:  # It reads an answer that is refused above.
                    if problems:
                        continue
                    raise
            if refusal:
                problems.append(UsageProblem(name, shown, refusal, self._remedy(name, values)))
            else:
                values[name] = value
        answers = {
            name: values[name] for name, question in self.questions.items() if not question.computed and name in values
        }
        return Resolution(values, answers, frozenset(given), problems)

    def accepts(self, name: str, value: Any) -> bool:  # noqa: ANN401 - any answer
        """Say whether a value would be accepted for the first question or one that needs no other answer."""
        return name in self.questions and not self.parse(name, value, {})[1]

    def default(self, name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any answer
        """Return a question's default.

        Args:
            name: The question.
            values: All values before it.

        Returns:
            The default, cast to the question's type.

        Raises:
            LookupError: The question has none with these values.
        """
        question = self.questions[name]
        if "default" not in question.declared:
            raise _Unset
        rendered = self._render(question.declared["default"], values)
        if question.multiselect and isinstance(rendered, str):
            rendered = _yaml(rendered)
        return rendered if question.multiselect else _cast(question.type, rendered)

    def default_or_none(self, name: str, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any answer
        """Return a question's default, or `None` when it has none with these values."""
        try:
            return self.default(name, values)
        except _Unset:
            return None

    def parse(self, name: str, answer: Any, values: Mapping[str, Any]) -> tuple[Any, str]:  # noqa: ANN401 - any answer
        """Cast an answer and hold it to its choices and validator.

        Args:
            name: The question.
            answer: The answer, as text or as a YAML value.
            values: All values before it.

        Returns:
            The value, and why it is refused: empty when it is not.
        """
        question = self.questions[name]
        try:
            if question.multiselect:
                parts = _parts(answer)
                value: Any = [_cast(question.type, part) for part in parts]
            else:
                value = _cast(question.type, answer)
        except (TypeError, ValueError, yaml.YAMLError):
            return None, f"It is not a {question.type}."
        if question.has_choices:
            choices = self.choices(name, values)
            for part in value if question.multiselect else [value]:
                if refusal := _refused(part, choices):
                    return None, refusal
            if question.multiselect:
                value = [choice.value for choice in choices if choice.value in value]
        validator = question.declared.get("validator", "")
        return value, " ".join(str(self._render(validator, {**values, name: value})).split())

    def choices(self, name: str, values: Mapping[str, Any]) -> list[Choice]:
        """Return a question's choices.

        Args:
            name: The question.
            values: All values before it.

        Returns:
            The choices in their order; none when any answer goes.
        """
        question = self.questions[name]
        declared = question.declared.get("choices", [])
        if isinstance(declared, str):
            declared = _yaml(str(self._render(declared, values)))
        entries = declared.items() if isinstance(declared, dict) else declared
        found = []
        for entry in entries or []:
            title, value = entry if isinstance(entry, tuple | list) else (entry, entry)
            refused = ""
            if isinstance(value, dict):
                refused = str(self._render(value.get("validator", ""), values)).strip()
                value = value["value"]
            value = _cast(question.type, self._render(value, values))
            found.append(Choice(str(self._render(title, values)), value, refused))
        return found

    def help(self, name: str, values: Mapping[str, Any]) -> str:
        """Return a question's help on one line."""
        return " ".join(str(self._render(self.questions[name].declared.get("help", name), values)).split())

    def render_partial(self, name: str, values: Mapping[str, Any]) -> str:
        """Render `template/partials/NAME.jinja`.

        Args:
            name: The partial, without its suffix.
            values: Every value it may use.

        Returns:
            The text.
        """
        return self.environment.get_template(f"template/partials/{name}.jinja").render(**values)

    def _unknown(self, name: str, value: object) -> UsageProblem | None:
        known = [question.name for question in self.questions.values() if not question.computed]
        if name in known:
            return None
        if name in self.questions:
            return UsageProblem(name, value, "It follows from other answers and cannot be given.", "Leave it out.")
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(known)}."
        return UsageProblem(name, value, "There is no such question.", remedy)

    def _remedy(self, name: str, values: Mapping[str, Any]) -> str:
        allowed = [str(choice.value) for choice in self.choices(name, values) if not choice.refused]
        return f"Answer it with --data {name}=VALUE{', where VALUE is ' + ' or '.join(allowed) if allowed else ''}."

    def _render(self, value: Any, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any YAML value
        if isinstance(value, list):
            return [self._render(item, values) for item in value]
        if not isinstance(value, str) or "{" not in value:
            return value
        from jinja2 import StrictUndefined  # noqa: PLC0415 - imported by `load` already

        if value not in self._templates:
            self._templates[value] = self.environment.from_string(value)
        return self._templates[value].render({**values, "UNSET": StrictUndefined("UNSET", exc=_Unset)})  # type: ignore[arg-type]


def parse_data(entries: Sequence[str]) -> dict[str, str]:
    """Read `KEY=VALUE` answers.

    Args:
        entries: The entries in the order given; the last of a key wins.

    Returns:
        The answers by name.

    Raises:
        GoldenpathError: An entry has no `=` or no key.
    """
    answers = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if not separator or not name.strip():
            message = f"--data = {entry!r}: it is not KEY=VALUE."
            raise GoldenpathError(message, remedy="Write for example --data platform=fly.")
        answers[name.strip()] = value
    return answers


def read_data_file(path: Path) -> dict[str, Any]:
    """Read answers from a YAML file.

    Args:
        path: A file that holds a mapping from question to answer.

    Returns:
        The answers by name; Copier's own keys, which start with `_`, are left out.

    Raises:
        GoldenpathError: The file cannot be read or holds no mapping.
    """
    try:
        document = _yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"--data-file = {str(path)!r}: {error.strerror}."
        raise GoldenpathError(message, remedy="Name a YAML file that you may read.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"--data-file = {str(path)!r}: it is not YAML: {' '.join(str(error).split())}."
        raise GoldenpathError(message, remedy="Write one `question: answer` a line.") from error
    if not isinstance(document, dict):
        message = f"--data-file = {str(path)!r}: it holds no mapping."
        raise GoldenpathError(message, remedy="Write one `question: answer` a line.")
    return {str(name): value for name, value in document.items() if not str(name).startswith("_")}


def _yaml(text: str) -> Any:  # noqa: ANN401 - any YAML value
    return yaml.load(text, _Loader)  # noqa: S506 - one of the two safe loaders


def _parts(answer: Any) -> list[Any]:  # noqa: ANN401 - any YAML value
    if isinstance(answer, str):
        text = answer.strip()
        answer = _yaml(text if text.startswith("[") else f"[{text}]")
    if not isinstance(answer, list):
        raise TypeError
    return answer


def _refused(value: object, choices: Sequence[Choice]) -> str:
    for choice in choices:
        if choice.value == value:
            return choice.refused
    allowed = ", ".join(str(choice.value) for choice in choices if not choice.refused)
    return f"It is not one of {allowed}."


def _cast(type_name: str, value: Any) -> Any:  # noqa: ANN401 - any YAML value
    if type_name == "str":
        if value is None or isinstance(value, list | dict):
            raise TypeError
        return str(value)
    if type_name == "bool":
        text = str(value).strip().lower()
        if text in _TRUE | _FALSE:
            return text in _TRUE
        raise ValueError
    if type_name in {"int", "float"}:
        return int(value) if type_name == "int" else float(value)
    if not isinstance(value, str):
        return value
    return json.loads(value) if type_name == "json" else _yaml(value)


def _load_config(path: Path) -> dict[str, Any]:
    """Load `copier.yml` with its `!include` documents, as Copier does."""

    class Loader(_Loader):  # type: ignore[misc]
        """A loader of its own, so that `!include` is known here alone."""

    def include(loader: Any, node: Any) -> list[Any]:  # noqa: ANN401 - PyYAML's own types
        pattern = str(loader.construct_scalar(node))
        if PurePosixPath(pattern).is_absolute():
            message = f"copier.yml: !include {pattern} is absolute."
            raise GoldenpathError(message, remedy="Use a relative path.", exit_code=ExitCode.TEMPLATE)
        documents: list[Any] = []
        for included in path.parent.glob(pattern):
            if not included.resolve().is_relative_to(path.parent.resolve()):
                message = f"copier.yml: !include {pattern} leaves the template."
                raise GoldenpathError(message, remedy="Include the template's own files.", exit_code=ExitCode.TEMPLATE)
            documents += _flat(yaml.load_all(included.read_bytes(), Loader))
        return documents

    Loader.add_constructor("!include", include)
    config: dict[str, Any] = {}
    try:
        for document in _flat(yaml.load_all(path.read_bytes(), Loader)):
            config |= document
    except (OSError, yaml.YAMLError) as error:
        message = f"The template's questions cannot be read: {' '.join(str(error).split())}."
        raise GoldenpathError(message, remedy="Mend the template.", exit_code=ExitCode.TEMPLATE) from error
    return config


def _flat(documents: Any) -> list[Any]:  # noqa: ANN401 - PyYAML's own types
    found: list[Any] = []
    for document in documents:
        if isinstance(document, list):
            found += _flat(document)
        elif document:
            found.append(document)
    return found
