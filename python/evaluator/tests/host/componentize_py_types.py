"""What componentize-py puts into a component: the exception that a function with an error raises."""


class Err(Exception):
    def __init__(self, value):
        super().__init__(value)
        self.value = value
