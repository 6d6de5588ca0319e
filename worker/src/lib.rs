//! Latchkey at the edge.

#[worker::event(fetch)]
async fn fetch(
    _req: worker::HttpRequest,
    _env: worker::Env,
    _ctx: worker::Context,
) -> worker::Result<http::Response<axum::body::Body>> {
    Ok(http::Response::new(axum::body::Body::from("hello")))
}
