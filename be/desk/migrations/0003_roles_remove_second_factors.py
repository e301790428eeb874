from django.db import migrations

from be.desk import roles


def write(apps, schema_editor):
    roles.write(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    """Support and compliance may remove the second factors of somebody who has lost them."""

    dependencies = [("desk", "0002_roles")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
