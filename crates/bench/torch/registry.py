"""The operations that can be measured, each in several forms.

An operation is a function under @op(names of its forms): it is given the name of one and its
arguments, prepares what is needed, and returns what is timed. The names of forms that
torch.compile makes start with "compile".
"""

OPERATIONS = {}


def op(*forms):
    def register(function):
        OPERATIONS[function.__name__] = function
        function.forms = forms
        return function

    return register
