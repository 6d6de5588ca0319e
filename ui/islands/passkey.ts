// Drives `form#passkey`: autofill and button for signing in, button for making a passkey.
// Every sentence shown comes from the form's `data-msg-*` attributes, so that the server translates it.

import { creationOptions, requestOptions, toText } from "./_webauthn";

const form = document.querySelector<HTMLFormElement>("form#passkey");
if (form) start(form);

function start(form: HTMLFormElement): void {
  const create = form.dataset["ceremony"] === "create";
  const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
  const problem = document.querySelector<HTMLElement>("#problem");
  let loaded = Date.now();
  let busy = false;
  let autofill: AbortController | undefined;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void run();
  });
  // A page brought back by the back button, or left open for long, holds a challenge that is used up or expired.
  addEventListener("pageshow", (event) => {
    if (event.persisted) {
      setBusy(false);
      void renew().then(offer);
    }
  });
  form.addEventListener("focusin", () => {
    if (autofill && expired()) void renew().then(offer);
  });
  if (!supported()) say(isSecureContext ? "Unsupported" : "Insecure");
  else void offer();

  /** Asks the browser to offer passkeys in the form's field, where it can (conditional mediation). */
  async function offer(): Promise<void> {
    if (create || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    form.dataset["autofill"] = "";
    autofill?.abort();
    const control = (autofill = new AbortController());
    try {
      const credential = await get({ mediation: "conditional", signal: control.signal });
      // Two prompts cannot both win: the button aborts this one before it starts its own.
      if (!control.signal.aborted && credential) send(credential);
    } catch (error) {
      // Nobody pressed anything yet: only what a person can act on is worth a sentence.
      if (error instanceof DOMException && error.name === "SecurityError") fail(error);
    }
  }

  /** One press of the button. */
  async function run(): Promise<void> {
    if (busy) return;
    if (!supported()) return say(isSecureContext ? "Unsupported" : "Insecure");
    setBusy(true);
    say();
    autofill?.abort();
    autofill = undefined;
    try {
      if (expired()) await renew();
      const credential = create ? await make() : await get({});
      if (!credential) throw new DOMException("", "NotAllowedError");
      send(credential);
    } catch (error) {
      setBusy(false);
      fail(error);
      void offer();
    }
  }

  function get(more: CredentialRequestOptions): Promise<Credential | null> {
    return navigator.credentials.get({ ...more, publicKey: requestOptions(options()) });
  }

  function make(): Promise<Credential | null> {
    const json = options<PublicKeyCredentialCreationOptionsJSON>();
    const name = value("username");
    if (name) {
      json.user.name = name;
      json.user.displayName = `${value("firstName")} ${value("lastName")}`.trim() || name;
    }
    return navigator.credentials.create({ publicKey: creationOptions(json) });
  }

  function send(credential: Credential): void {
    setBusy(true);
    input("response").value = toText(credential as PublicKeyCredential);
    form.submit();
  }

  /** Takes a fresh challenge from the server and keeps what the person has typed. */
  async function renew(): Promise<void> {
    const url = form.dataset["fresh"] ?? location.href;
    const page = await fetch(url).then(
      async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html"),
      () => undefined,
    );
    const next = page?.querySelector<HTMLFormElement>("form#passkey");
    const id = next?.querySelector<HTMLInputElement>("[name=challenge_id]");
    if (!next?.dataset["options"] || !id || next.getAttribute("action") !== form.getAttribute("action")) {
      // The way on has changed meanwhile (signed in elsewhere, set up already): let the server say where.
      location.assign(url);
      return new Promise(() => undefined);
    }
    form.dataset["options"] = next.dataset["options"];
    input("challenge_id").value = id.value;
    loaded = Date.now();
  }

  function expired(): boolean {
    return Date.now() - loaded > Number(form.dataset["expires"]) * 1000;
  }

  function options<T = PublicKeyCredentialRequestOptionsJSON>(): T {
    return JSON.parse(form.dataset["options"] ?? "{}") as T;
  }

  function input(name: string): HTMLInputElement {
    return form.elements.namedItem(name) as HTMLInputElement;
  }

  function value(name: string): string {
    return (form.elements.namedItem(name) as HTMLInputElement | null)?.value.trim() ?? "";
  }

  function fail(error: unknown): void {
    const name = error instanceof Error ? error.name : "";
    say(`msg${name}` in form.dataset ? name : "Other");
  }

  /** Shows the sentence of a name, or clears it. */
  function say(name?: string): void {
    if (problem) problem.textContent = name ? (form.dataset[`msg${name}`] ?? "") : "";
  }

  function setBusy(on: boolean): void {
    busy = on;
    button?.setAttribute("aria-busy", String(on));
  }
}

function supported(): boolean {
  return typeof PublicKeyCredential === "function" && !!navigator.credentials;
}
