"""The one door to Prefect's API: the only place that talks to it.

`connection` opens it and turns Prefect's errors into ours. Beside it each module has the calls
about one thing: deployments, runs, logs, artifacts, variables and so on. They are asynchronous
functions whose first argument is the open connection. They read all pages, and they return our own
nouns.

Code that is not asynchronous asks through `ask`:

    found = ask(deployment.listing, "release")

Code that is, as in the receiver and the worker, opens the connection itself:

    async with connect() as api:
        found = await deployment.listing(api, "release")
"""
