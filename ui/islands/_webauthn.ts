// The JSON forms of WebAuthn Level 3 (§5.1.8, §5.1.9, §5.1.10), by the browser where it can, else by hand.

/** Bytes of an unpadded base64url text. */
function decode(text: string): ArrayBuffer {
  const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(binary, (c) => c.charCodeAt(0)).buffer;
}

/** Unpadded base64url text of bytes. */
function encode(bytes: ArrayBuffer): string {
  const binary = String.fromCharCode(...new Uint8Array(bytes));
  return btoa(binary).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

/** Credential descriptors with their ids as bytes. */
function descriptors(list: PublicKeyCredentialDescriptorJSON[] = []): PublicKeyCredentialDescriptor[] {
  return list.map((d) => ({ ...d, id: decode(d.id) }) as PublicKeyCredentialDescriptor);
}

/** Options for `navigator.credentials.get`. */
export function requestOptions(json: PublicKeyCredentialRequestOptionsJSON): PublicKeyCredentialRequestOptions {
  return (
    PublicKeyCredential.parseRequestOptionsFromJSON?.(json) ??
    ({
      ...json,
      challenge: decode(json.challenge),
      allowCredentials: descriptors(json.allowCredentials),
    } as unknown as PublicKeyCredentialRequestOptions)
  );
}

/** Options for `navigator.credentials.create`. */
export function creationOptions(json: PublicKeyCredentialCreationOptionsJSON): PublicKeyCredentialCreationOptions {
  return (
    PublicKeyCredential.parseCreationOptionsFromJSON?.(json) ??
    ({
      ...json,
      challenge: decode(json.challenge),
      user: { ...json.user, id: decode(json.user.id) },
      excludeCredentials: descriptors(json.excludeCredentials),
    } as unknown as PublicKeyCredentialCreationOptions)
  );
}

/** The credential as the text that the server reads. */
export function toText(credential: PublicKeyCredential): string {
  try {
    return JSON.stringify(credential.toJSON());
  } catch {
    // Some password managers hand out an object whose toJSON is missing or throws.
    const response = credential.response;
    const fields: Record<string, unknown> = { clientDataJSON: encode(response.clientDataJSON) };
    if ("attestationObject" in response) {
      const made = response as AuthenticatorAttestationResponse;
      fields["attestationObject"] = encode(made.attestationObject);
      fields["transports"] = made.getTransports?.() ?? [];
    } else {
      const signed = response as AuthenticatorAssertionResponse;
      fields["authenticatorData"] = encode(signed.authenticatorData);
      fields["signature"] = encode(signed.signature);
      if (signed.userHandle) fields["userHandle"] = encode(signed.userHandle);
    }
    return JSON.stringify({
      id: credential.id,
      rawId: encode(credential.rawId),
      type: credential.type,
      authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
      clientExtensionResults: credential.getClientExtensionResults(),
      response: fields,
    });
  }
}
