"""The safety suite's judge, which is a set of rules, and its summary, which is a report and no verdict."""
