from django.db import migrations

from be.desk import roles


def write(apps, schema_editor):
    roles.write(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    """Operations and compliance decide about large withdrawals and corrections."""

    dependencies = [("desk", "0003_roles_remove_second_factors")]

    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
