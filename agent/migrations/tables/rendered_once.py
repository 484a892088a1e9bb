"""Several operations for which Django makes the classes of the models once, not after each operation."""

from django.db.migrations.operations.base import Operation


class RenderedOnce(Operation):
    """Carries out operations that all work with the models as they are after the last one.

    After an operation, Django makes the classes of all models anew that are related to those of the operation.
    Nearly all models here are related, so creating them one by one would make each of them dozens of times.
    """

    reduces_to_sql = True

    def __init__(self, operations):
        self.operations = operations

    @property
    def reversible(self):
        return all(operation.reversible for operation in self.operations)

    def deconstruct(self):
        return type(self).__qualname__, [self.operations], {}

    def state_forwards(self, app_label, state):
        state.__dict__.pop("apps", None)  # the classes of the models
        for operation in self.operations:
            operation.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        for operation in reversed(self.operations):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self):
        return "; ".join(operation.describe() for operation in self.operations)
