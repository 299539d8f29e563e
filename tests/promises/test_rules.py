"""Every rule of the keeper is proved by a promise."""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = os.path.join(HERE, "..", "..", "agent", "keeper", "RULES.md")


def test_every_rule_has_a_test_that_names_it():
    with open(RULES, encoding="utf-8") as file:
        rules = {int(number) for number in re.findall(r"^(\d+)\. \*\*", file.read(), re.MULTILINE)}
    named = set()
    for name in os.listdir(HERE):
        if name.startswith("test_"):
            with open(os.path.join(HERE, name), encoding="utf-8") as file:
                named |= {int(number) for number in re.findall(r"mark\.rule\((\d+)\)", file.read())}
    assert rules == set(range(1, 17))
    assert named == rules
