"""A folder's recipe: the files it consists of, and how they are stored and put together."""

import dataclasses
import json
import pathlib

PROJECT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = PROJECT / "reference_outputs" / "folders"
LISTS = ("encodings", "truncated", "vectors")  # entries of expected.json that get a line for each element


@dataclasses.dataclass(frozen=True)
class Shared:
    """A file that several folders have: its path below reference_outputs/folders."""

    path: str


@dataclasses.dataclass(frozen=True)
class Changed:
    """A shared JSON object, some of whose entries are left out, and then others set."""

    path: str
    without: list
    entries: dict


@dataclasses.dataclass
class Folder:
    """One odd folder. A file is Shared, Changed, an object or a list that is stored as JSON, or text or bytes."""

    name: str
    point: str  # what is odd about it, in one sentence
    files: dict
    texts: list = dataclasses.field(default_factory=list)
    pairs: list = dataclasses.field(default_factory=list)
    options: dict = dataclasses.field(default_factory=dict)  # for whoever runs it


def json_text(value):
    """JSON with one line for each entry of the outermost object."""
    if not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False) + "\n"
    lines = [f"  {json.dumps(key, ensure_ascii=False)}: {json.dumps(entry, ensure_ascii=False)}" for key, entry in value.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def contents(file):
    """The bytes of a file of a recipe."""
    if isinstance(file, Shared):
        return (FOLDERS / file.path).read_bytes()
    if isinstance(file, Changed):
        base = json.loads((FOLDERS / file.path).read_text(encoding="utf-8"))
        file = {key: value for key, value in base.items() if key not in file.without} | file.entries
    if isinstance(file, bytes):
        return file
    return (file if isinstance(file, str) else json_text(file)).encode()


def assemble(folder, path):
    """Writes all files of a folder below a path."""
    for name, file in folder.files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(contents(file))


def store(kind, folder):
    """How expected.json says what the files are; text and bytes are written to reference_outputs/folders/KIND/NAME."""
    copied, changed, written = {}, {}, {}
    for name, file in folder.files.items():
        if isinstance(file, Shared):
            copied[name] = file.path
        elif isinstance(file, Changed):
            changed[name] = {"of": file.path, "without": list(file.without), "with": file.entries}
        elif isinstance(file, (str, bytes)):
            copied[name] = f"{kind}/{folder.name}/{name}"
            assemble(dataclasses.replace(folder, files={name: file}), FOLDERS / kind / folder.name)
        else:
            written[name] = file
    kinds = {"copied": copied, "changed": changed, "json": written}
    return {how: files for how, files in kinds.items() if files}


def files_of(entry):
    """The files of an entry of expected.json, as a recipe has them."""
    changed = {
        name: Changed(change["of"], change["without"], change["with"]) for name, change in entry.get("changed", {}).items()
    }
    return {name: Shared(path) for name, path in entry.get("copied", {}).items()} | changed | entry.get("json", {})


def unpack(name, path):
    """Writes the folder KIND/NAME below a path."""
    kind, _, name = name.partition("/")
    for entry in json.loads((FOLDERS / kind / "expected.json").read_text(encoding="utf-8"))["folders"]:
        if entry["name"] == name:
            assemble(Folder(name, "", files_of(entry)), path)
            return
    raise ValueError(f"{kind}/{name}: no such folder")


def write_expected(path, expected):
    """Writes expected.json: a line for each folder, and one for each of its encodings or vectors."""

    def lines(entry):
        text = json.dumps({key: value for key, value in entry.items() if key not in LISTS}, ensure_ascii=False)[:-1]
        for key in LISTS:
            if key in entry:
                text += f', "{key}": [\n      ' + ",\n      ".join(json.dumps(e, ensure_ascii=False) for e in entry[key]) + "]"
        return "    " + text + "}"

    head = [
        f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in expected.items() if key != "folders"
    ]
    folders = ",\n".join(lines(entry) for entry in expected["folders"])
    path.write_text("{\n" + ",\n".join(head) + ',\n  "folders": [\n' + folders + "\n  ]\n}\n", encoding="utf-8")
