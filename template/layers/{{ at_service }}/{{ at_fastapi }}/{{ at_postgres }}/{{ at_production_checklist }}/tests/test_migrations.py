from migrations.check import problems


def test_no_migration_breaks_the_version_before_or_locks_out_its_requests() -> None:
    assert problems() == []
