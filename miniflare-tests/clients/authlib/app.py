"""A Flask app that signs people in with Authlib's OpenID Connect client. Settings come from the environment."""

import os

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, jsonify, redirect, session, url_for

app = Flask(__name__)
app.secret_key = os.urandom(32)
oauth = OAuth(app)
oauth.register(
    "op",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ.get("CLIENT_SECRET"),
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email groups",
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": os.environ["AUTH_METHOD"],
    },
)


@app.get("/")
def private():
    user = session.get("user")
    return jsonify(user) if user else redirect(url_for("login"))


@app.get("/login")
def login():
    return oauth.op.authorize_redirect(url_for("auth", _external=True))


@app.get("/auth")
def auth():
    try:
        token = oauth.op.authorize_access_token()
    except OAuthError as error:
        return jsonify(error=error.error), 400
    info = oauth.op.userinfo(token=token)
    session["user"] = {"claims": dict(token["userinfo"]), "info": dict(info), "scope": token["scope"]}
    return redirect(url_for("private"))


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
