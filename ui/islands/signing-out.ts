// Goes on once the apps' logout pages have loaded, or after three seconds (OpenID Connect Front-Channel Logout §3).

const onward = document.querySelector<HTMLAnchorElement>("a#onward");

if (onward) {
  const go = () => location.replace(onward.href);
  if (document.readyState === "complete") go();
  else addEventListener("load", go);
  setTimeout(go, 3000);
}
