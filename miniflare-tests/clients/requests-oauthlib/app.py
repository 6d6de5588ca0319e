"""A small server that signs people in with requests-oauthlib. Settings come from the environment.

oauthlib raises a warning as an error when the granted scope is not the one that was asked for, so the token answer
must repeat it.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

ISSUER = os.environ["ISSUER"]
CLIENT_ID = os.environ["CLIENT_ID"]
SECRET = os.environ.get("CLIENT_SECRET")
PORT = int(os.environ["PORT"])
HERE = f"http://127.0.0.1:{PORT}"
# The sign-in that is under way; one person uses this app.
current: dict = {}


def session(**more) -> OAuth2Session:
    return OAuth2Session(CLIENT_ID, redirect_uri=f"{HERE}/auth", scope=os.environ["SCOPE"].split(), **more)


def begin() -> str:
    oauth = session(pkce="S256")
    url, state = oauth.authorization_url(f"{ISSUER}/authorize")
    current.update(oauth=oauth, state=state)
    return url


def finish(path: str) -> dict:
    oauth = current["oauth"]
    ways = {
        "client_secret_basic": {"auth": HTTPBasicAuth(CLIENT_ID, SECRET)},
        "client_secret_post": {"client_secret": SECRET, "include_client_id": True},
        "none": {"include_client_id": True},
    }
    way = ways[os.environ["AUTH_METHOD"]]
    token = oauth.fetch_token(f"{ISSUER}/api/oidc/token", authorization_response=HERE + path, **way)
    return {"scope": token["scope"], "info": oauth.get(f"{ISSUER}/api/oidc/userinfo").json()}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body, status, location = b"", 200, None
        if self.path == "/login":
            status, location = 302, begin()
        elif self.path.startswith("/auth"):
            try:
                body = json.dumps(finish(self.path)).encode()
            except Exception as error:
                status, body = 400, json.dumps({"error": type(error).__name__, "text": str(error)}).encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


HTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
