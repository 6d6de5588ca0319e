use http::StatusCode;
use testkit::World;

#[tokio::test]
async fn a_world_answers_and_counts_its_batches() {
    let world = World::new().await;
    assert_eq!(world.host.settings.app_url.as_str(), World::APP_URL);
    assert_eq!(world.host.clock.now(), World::START);
    world.clock.advance(60);
    assert_eq!(world.host.clock.now(), World::START.plus(60));
    assert_eq!(world.db.batches(), 0);
    let browser = world.browser();
    let response = browser.get("/no/such/page").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    browser.set_cookie("a", "b");
    assert_eq!(browser.cookie("a").as_deref(), Some("b"));
    assert_eq!(world.mail.take(), []);
}
