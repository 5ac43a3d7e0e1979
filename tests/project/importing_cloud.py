"""The local cloud ministack with the two calls that `chalice deploy` makes and it does not know: ImportRestApi and PutRestApi.

`python importing_cloud.py API_ID`, in place of `ministack`. Like AWS, an overwriting PutRestApi drops the API's own answers
(https://github.com/aws/serverless-application-model/issues/623). The first API has the id API_ID, so that its URL is known
before it is there.
"""

import json
import sys

from ministack.app import main
from ministack.services import apigateway_v1 as api
from ministack.services import lambda_svc

handle = api.handle_request
ids = [sys.argv.pop()]


async def handle_with_import(method, path, headers, body, query):
    parts = path.strip("/").split("/")
    if parts == ["restapis"] and method == "POST" and "mode" in query:
        tags = {"ms-custom-id": ids.pop()} if ids else {}
        return import_api(json.loads(body), tags)
    if parts[0] == "restapis" and len(parts) == 2 and method == "PUT":
        return overwrite_api(parts[1], json.loads(body))
    return await handle(method, path, headers, body, query)


def import_api(swagger, tags):
    api_id = api._import_rest_api(swagger, {"tags": tags})
    api._rest_apis[api_id]["minimumCompressionSize"] = None
    return api._v1_response(api._rest_api_view(api._rest_apis[api_id]), 201)


def overwrite_api(api_id, swagger):
    resources = api._resources[api_id]
    for resource_id in [key for key, resource in resources.items() if resource["path"] != "/"]:
        del resources[resource_id]
    api._gateway_responses[api_id] = {}
    for path, item in swagger["paths"].items():
        api._import_path_item(api_id, path, item)
    return api._v1_response(api._rest_api_view(api._rest_apis[api_id]), 200)


def make_ready(function, _delay):
    """At once: boto3 looks only every five seconds whether a function is ready."""
    config = lambda_svc._functions.get(function)["config"]
    config.update(State="Active", StateReason="", LastUpdateStatus="Successful")


api.handle_request = handle_with_import
lambda_svc._schedule_state_transition = make_ready

if __name__ == "__main__":
    sys.exit(main())
