"""What an application is told of the services beside it."""

from rehearsal.services import Service, tell

POSTGRESQL = Service(name="postgresql", instance="i-1", host="10.0.0.7", password="s3cret")
REDIS = Service(name="redis", instance="i-2", host="10.0.0.8", password="s4cret")


def test_each_tells_its_address() -> None:
    assert POSTGRESQL.settings == {"DATABASE_URL": "postgresql://app:s3cret@10.0.0.7:5432/app"}
    assert REDIS.settings == {"REDIS_URL": "redis://:s4cret@10.0.0.8:6379/0"}


def test_a_setting_may_take_parts_of_it() -> None:
    asked = {
        "DB_HOST": "${POSTGRESQL_HOST}",
        "DB_USER": "${POSTGRESQL_USER}",
        "DB_NAME": "${POSTGRESQL_DATABASE}",
        "DB_PASSWORD": "${POSTGRESQL_PASSWORD}",
        "CACHE": "redis://:${REDIS_PASSWORD}@${REDIS_HOST}:${REDIS_PORT}/1",
        "PLAIN": "$HOME ${HOME} ${POSTGRESQL}",
    }
    assert tell(asked, [POSTGRESQL, REDIS]) == {
        "DB_HOST": "10.0.0.7",
        "DB_USER": "app",
        "DB_NAME": "app",
        "DB_PASSWORD": "s3cret",
        "CACHE": "redis://:s4cret@10.0.0.8:6379/1",
        "PLAIN": "$HOME ${HOME} ${POSTGRESQL}",
    }


def test_where_nothing_runs_it_stays_as_it_is() -> None:
    assert tell({"DB_HOST": "${POSTGRESQL_HOST}"}, []) == {"DB_HOST": "${POSTGRESQL_HOST}"}


def test_the_whole_address_is_for_those_that_name_no_part() -> None:
    """Else a variable that it does not read would be asked of every deployment."""
    both = [POSTGRESQL, REDIS]
    assert tell({"A": "1"}, both) == {**POSTGRESQL.settings, **REDIS.settings, "A": "1"}
    assert tell({"DB": "${POSTGRESQL_HOST}"}, both) == {**REDIS.settings, "DB": "10.0.0.7"}
    assert tell({"DATABASE_URL": "sqlite:"}, [POSTGRESQL]) == {"DATABASE_URL": "sqlite:"}
