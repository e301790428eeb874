"""Append-only tables: triggers that refuse to change or delete rows, as steps of migrations."""

from functools import partial

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython
from django.db.migrations.state import StateApps


def sqlite_create(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{event.lower()} BEFORE {event} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for event in ("UPDATE", "DELETE")
    ]


def sqlite_drop(table: str) -> list[str]:
    return [f"DROP TRIGGER IF EXISTS {table}_no_{event}" for event in ("update", "delete")]


def postgresql_create(table: str) -> list[str]:
    return [
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN RAISE EXCEPTION '{table} is append-only' USING ERRCODE = '23001'; END $$",
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
    ]


def postgresql_drop(table: str) -> list[str]:
    return [f"DROP TRIGGER {table}_append_only ON {table}", f"DROP FUNCTION {table}_refuse()"]


CREATE = {"sqlite": sqlite_create, "postgresql": postgresql_create}
DROP = {"sqlite": sqlite_drop, "postgresql": postgresql_drop}


def append_only(table: str) -> RunPython:
    """A reversible migration step that makes `table` append-only, on either database."""

    def forwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        for statement in CREATE[editor.connection.vendor](table):
            editor.execute(statement)

    def backwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        for statement in DROP[editor.connection.vendor](table):
            editor.execute(statement)

    return RunPython(forwards, backwards)


def never_truncated(table: str) -> RunPython:
    """A reversible step for an append-only table: refuse PostgreSQL's TRUNCATE too.

    Row triggers don't fire for it. SQLite has no such statement.
    """

    def forwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
            )

    def backwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")

    return RunPython(forwards, backwards)


def never_replaced(table: str) -> RunPython:
    """A reversible step for an append-only table: refuse SQLite's REPLACE too.

    REPLACE deletes the row that has the same primary or unique key. It fires triggers for that only
    on a connection with `recursive_triggers`: Django's connections have it, the `sqlite3` command
    has not.
    """

    def forwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(_refuse_replace(editor.connection, table))

    def backwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(f"DROP TRIGGER {table}_no_replace")

    return RunPython(forwards, backwards)


def never_replaced_by_any_key(table: str) -> RunPython:
    """A reversible step for a table whose trigger against REPLACE looked at the id alone."""

    def forwards(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.connection.vendor == "sqlite":
            editor.execute(f"DROP TRIGGER {table}_no_replace")
            editor.execute(_refuse_replace(editor.connection, table))

    return RunPython(forwards, RunPython.noop)


def _refuse_replace(connection: BaseDatabaseWrapper, table: str) -> str:
    has_key = " OR ".join(
        "(" + " AND ".join(f"{column} = NEW.{column}" for column in key) + ")"
        for key in unique_keys(connection, table)
    )
    same_key = f"SELECT 1 FROM {table} WHERE {has_key}"  # noqa: S608 - a table of ours
    return (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS ({same_key}) BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def unique_keys(connection: BaseDatabaseWrapper, table: str) -> list[tuple[str, ...]]:
    """The columns of each key by which SQLite's REPLACE finds the row to delete.

    The rowid is one, also where the primary key is another column. Raises ValueError for a unique
    index with a condition or an expression, which can't be guarded here.
    """
    keys: list[tuple[str, ...]] = [("rowid",)]
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA index_list({table})")
        indexes = [(name, partial) for _, name, unique, _, partial in cursor.fetchall() if unique]
        for name, is_partial in indexes:
            cursor.execute(f"PRAGMA index_info({name})")
            columns = tuple(column for _, _, column in cursor.fetchall())
            if is_partial or None in columns:
                raise ValueError(f"{table} can't be guarded by {name}: it is not of columns alone")
            keys.append(columns)
    return keys


def allow_changes(table: str) -> RunPython:
    """A reversible step: later steps of the same migration may change rows of an append-only table.

    For a table that has the steps `append_only` and `never_replaced`. End with `forbid_changes`.
    """
    return RunPython(partial(_drop_guards, table), partial(_create_guards, table))


def forbid_changes(table: str) -> RunPython:
    """The step that undoes `allow_changes`, in the same migration."""
    return RunPython(partial(_create_guards, table), partial(_drop_guards, table))


def _drop_guards(table: str, apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {table}_append_only")
        return
    for statement in (*sqlite_drop(table), f"DROP TRIGGER {table}_no_replace"):
        editor.execute(statement)


def _create_guards(table: str, apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        # PostgreSQL alters no table with pending checks of foreign keys, so they are made now.
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        editor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {table}_append_only")
        return
    for statement in (*sqlite_create(table), _refuse_replace(editor.connection, table)):
        editor.execute(statement)
