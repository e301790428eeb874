"""A file of any format that is read here, as records. Its size is looked at first."""

import codecs
import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from be.kernel.refusals import Refusal
from portfolio.imports import beancount_files, ofx_files
from portfolio.imports.rules import csv_files
from portfolio.imports.rules.records import BadFile, ImportFile, ReadOptions

MAX_BYTES = 1024 * 1024

# How many bytes of a file are looked at to see what it is.
_LOOKED_AT = 65_536
_OFX = re.compile(rb"\s*(<\?xml[^>]{0,200}\?>\s*)?(<\?OFX|<OFX>|OFXHEADER:)")
_BEANCOUNT = re.compile(
    rb"^(\d{4}[-/]\d{2}[-/]\d{2}[ \t]+(open|close|commodity|price|balance|txn|[*!])|option +\")",
    re.MULTILINE,
)


class FileFormat(StrEnum):
    """Which kind of file it is."""

    CSV = "csv"
    OFX = "ofx"
    BEANCOUNT = "beancount"


class ReaderMissing(Refusal):
    code = "reader_missing"
    title = "What reads such files is not installed"


class BadImportFile(Refusal):
    code = "bad_import_file"
    title = "The file can't be imported"


class ImportFileTooLarge(Refusal):
    code = "import_file_too_large"
    status = 413
    title = "The file is too large"


def read(
    content: bytes, *, file_format: FileFormat | None, options: ReadOptions
) -> tuple[FileFormat, ImportFile]:
    """The format of a file and its records.

    Raises ImportFileTooLarge, ReaderMissing, and BadImportFile (field `file`), which names the
    lines.
    """
    if len(content) > MAX_BYTES:
        raise ImportFileTooLarge(f"It has {len(content)} bytes, and may have {MAX_BYTES}.")
    try:
        found = file_format or _format_of(content)
        return found, _READERS[found](content, options)
    except ImportError as error:
        raise ReaderMissing(
            f"Files of {found.value} need another package on the server: uv sync --group imports."
        ) from error
    except BadFile as error:
        raise BadImportFile(f"{error}.", field="file") from error


def _format_of(content: bytes) -> FileFormat:
    start = content[:_LOOKED_AT].removeprefix(codecs.BOM_UTF8)
    if _OFX.match(start):
        return FileFormat.OFX
    return FileFormat.BEANCOUNT if _BEANCOUNT.search(start) else FileFormat.CSV


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile(f"line {line}: it is no UTF-8 text") from error
    if "\x00" in text:
        raise BadFile("it is no text")
    return text


_READERS: Mapping[FileFormat, Callable[[bytes, ReadOptions], ImportFile]] = {
    FileFormat.CSV: lambda content, options: csv_files.read(_text(content), options),
    FileFormat.OFX: ofx_files.read,
    FileFormat.BEANCOUNT: lambda content, options: beancount_files.read(_text(content), options),
}
