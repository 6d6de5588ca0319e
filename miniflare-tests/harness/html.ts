// Just enough HTML reading for server-made forms.

/** One form control. */
export interface Control {
  tag: string
  attributes: Record<string, string>
}

/** A form with its attributes and controls, in document order. */
export interface Form {
  attributes: Record<string, string>
  controls: Control[]
  /** Name → value of hidden and text inputs (buttons are not sent by themselves). */
  fields: Record<string, string>
}

const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

/** Decodes character references. */
export function unescape(text: string): string {
  return text.replace(/&(#x[0-9a-f]+|#\d+|[a-z]+);/gi, (all, name: string) => {
    if (/^#x/i.test(name)) return String.fromCodePoint(parseInt(name.slice(2), 16))
    if (name.startsWith('#')) return String.fromCodePoint(parseInt(name.slice(1), 10))
    return NAMED[name.toLowerCase()] ?? all
  })
}

/** Attributes of a start tag's inner text. */
export function attributes(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const m of text.matchAll(/([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+)))?/g)) {
    found[m[1]!.toLowerCase()] = unescape(m[2] ?? m[3] ?? m[4] ?? '')
  }
  return found
}

const ATTRS = `((?:[^"'>]|"[^"]*"|'[^']*')*)`

/** All forms of a page. */
export function forms(html: string): Form[] {
  return [...html.matchAll(new RegExp(`<form\\b${ATTRS}>([\\s\\S]*?)</form>`, 'gi'))].map((m) => {
    const controls = [...m[2]!.matchAll(new RegExp(`<(input|button|textarea|select)\\b${ATTRS}>`, 'gi'))].map((c) => ({
      tag: c[1]!.toLowerCase(),
      attributes: attributes(c[2]!),
    }))
    const fields: Record<string, string> = {}
    for (const { tag, attributes: a } of controls) {
      if (tag === 'input' && a.name && a.type !== 'submit') fields[a.name] = a.value ?? ''
    }
    return { attributes: attributes(m[1]!), controls, fields }
  })
}

/** Attributes of the first element of this kind that satisfies `want`. */
export function element(
  html: string,
  tag: string,
  want: (a: Record<string, string>) => boolean = () => true,
): Record<string, string> | undefined {
  for (const m of html.matchAll(new RegExp(`<${tag}\\b${ATTRS}>`, 'gi'))) {
    const a = attributes(m[1]!)
    if (want(a)) return a
  }
  return undefined
}

/** `data-step` of the page's `<main>`, or undefined. */
export function step(html: string): string | undefined {
  return element(html, 'main')?.['data-step']
}

/** A page's passkey form, taken apart. */
export interface PasskeyForm {
  action: string
  ceremony: string
  options: any
  fields: Record<string, string>
}

/** The page's `form#passkey`, which must be there. */
export function passkeyForm(html: string): PasskeyForm {
  const found = forms(html).find((f) => f.attributes.id === 'passkey')
  if (!found) throw new Error(`no form#passkey in: ${html.slice(0, 400)}`)
  return {
    action: found.attributes.action ?? '',
    ceremony: found.attributes['data-ceremony'] ?? '',
    options: JSON.parse(found.attributes['data-options'] ?? 'null'),
    fields: found.fields,
  }
}
