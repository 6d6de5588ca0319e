// Debian's Chromium with a virtual authenticator (CDP domain WebAuthn).
import { after } from 'node:test'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type CDPSession, type Page } from 'playwright-core'

const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

/** Starts one Chromium for a file's tests. `CHROMIUM` names another executable. */
export function chromiumForTests(): { context(options?: BrowserContextOptions): Promise<BrowserContext> } {
  let browser: Promise<Browser> | undefined
  const launched = () =>
    (browser ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: ARGS }))
  after(async () => {
    await (await browser)?.close()
  })
  return {
    context: async (options) => {
      const context = await (await launched()).newContext({ locale: 'en-GB', ...options })
      context.setDefaultTimeout(15_000)
      return context
    },
  }
}

/** A page's virtual authenticator. */
export class VirtualAuthenticator {
  private constructor(private readonly cdp: CDPSession, private id: string) {}

  /** Gives a page a platform authenticator that answers at once unless `presence` is false. */
  static async add(page: Page, presence = true): Promise<VirtualAuthenticator> {
    const cdp = await page.context().newCDPSession(page)
    await cdp.send('WebAuthn.enable', { enableUI: false })
    const added = new VirtualAuthenticator(cdp, '')
    await added.plugIn(presence)
    return added
  }

  /** Takes the authenticator away and puts in a new, empty one. */
  async replace(): Promise<void> {
    await this.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: this.id })
    await this.plugIn(true)
  }

  /** Whether a touch is simulated at once. Set it before the page asks. */
  async presence(enabled: boolean): Promise<void> {
    await this.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId: this.id, enabled })
  }

  /** Whether the person is recognised; if not, the prompt ends as if cancelled. */
  async recognises(isUserVerified: boolean): Promise<void> {
    await this.cdp.send('WebAuthn.setUserVerified', { authenticatorId: this.id, isUserVerified })
  }

  /** The credentials it holds. */
  async credentials(): Promise<{ credentialId: string; signCount: number; rpId?: string }[]> {
    return (await this.cdp.send('WebAuthn.getCredentials', { authenticatorId: this.id })).credentials
  }

  private async plugIn(presence: boolean): Promise<void> {
    const { authenticatorId } = await this.cdp.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
        automaticPresenceSimulation: presence, defaultBackupEligibility: true, defaultBackupState: true,
      },
    })
    this.id = authenticatorId
  }
}

/** Collects what a page complains about: console errors, failed requests, policy violations. */
export function complaints(page: Page): string[] {
  const found: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || /Content Security Policy|integrity/i.test(message.text())) found.push(message.text())
  })
  page.on('pageerror', (error) => found.push(String(error)))
  return found
}
