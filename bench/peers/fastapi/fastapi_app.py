"""FastAPI behind Mangum: https://fastapi.tiangolo.com/tutorial/first-steps/ and https://mangum.fastapiexpert.com/

The view is a plain function, as FastAPI's documentation asks for where a library that is called blocks:
https://fastapi.tiangolo.com/async/
"""
# mypy: ignore-errors

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse
from mangum import Mangum
from receipt import NotAuthentic, apply

app = FastAPI()


@app.get("/callback/{provider}")
def callback(provider: str, request: Request) -> PlainTextResponse:
    """A status callback."""
    try:
        apply(request.query_params)
    except NotAuthentic:
        return PlainTextResponse("", status_code=403)
    return PlainTextResponse("")


handler = Mangum(app, lifespan="off")
