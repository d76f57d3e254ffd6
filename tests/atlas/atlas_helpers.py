"""What an atlas holds, for comparing two."""


def contents(store):
    """All rows of all tables that tell what was found, in one order; times and versions left out."""
    found = {}
    for name in sorted(store.names()):
        table = store.table(name).to_arrow()
        dropped = [column for column in ("begun", "versions") if column in table.column_names]
        rows = table.drop_columns(dropped).to_pylist()
        found[name] = sorted(
            rows, key=lambda row: str([row.get(k) for k in ("shard", "id", "layer", "channel", "sweep")])
        )
    return found
