from django.db import migrations

from be.desk import roles


def write(apps, schema_editor):
    roles.write(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    """Compliance decides who customers are; auditors see it."""

    dependencies = [("desk", "0004_roles_decide_about_money")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
