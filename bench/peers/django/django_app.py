"""Django behind apig-wsgi, in one file and without its middleware, applications and database: https://docs.djangoproject.com/ and
https://github.com/adamchainz/apig-wsgi
"""
# mypy: ignore-errors

from apig_wsgi import make_lambda_handler
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from receipt import NotAuthentic, apply

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], MIDDLEWARE=[])


def callback(request: HttpRequest, provider: str) -> HttpResponse:
    """A status callback."""
    try:
        apply(request.GET)
    except NotAuthentic:
        return HttpResponse("", content_type="text/plain", status=403)
    return HttpResponse("", content_type="text/plain")


urlpatterns = [path("callback/<str:provider>", callback)]
handler = make_lambda_handler(get_wsgi_application())
