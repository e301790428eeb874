"""A file of any format that is read here, as records. Its size is looked at first."""

import re
from enum import StrEnum

from be.kernel.refusals import Refusal
from portfolio.imports.rules import csv_files
from portfolio.imports.rules.records import BadFile, ImportFile, ReadOptions

MAX_BYTES = 1024 * 1024

_OFX = re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<\?OFX|<OFX>|OFXHEADER:)", re.IGNORECASE)


class FileFormat(StrEnum):
    """Which kind of file it is."""

    CSV = "csv"


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

    Raises ImportFileTooLarge, and BadImportFile (field `file`), which names the lines.
    """
    if len(content) > MAX_BYTES:
        raise ImportFileTooLarge(f"It has {len(content)} bytes, and may have {MAX_BYTES}.")
    try:
        found = file_format or FileFormat.CSV
        return found, csv_files.read(_text(content), options)
    except BadFile as error:
        raise BadImportFile(f"{error}.", field="file") from error


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile(f"line {line}: it is no UTF-8 text") from error
    if "\x00" in text:
        raise BadFile("it is no text")
    return text
