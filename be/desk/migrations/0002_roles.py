from django.db import migrations

from be.desk import roles


def write(apps, schema_editor):
    roles.write(apps, schema_editor.connection.alias)


def remove(apps, schema_editor):
    roles.remove(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    """The groups of staff: support, operations, compliance and auditor."""

    dependencies = [
        ("desk", "0001_customers"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(write, remove)]
