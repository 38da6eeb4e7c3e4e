import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

/** Where a running server is, for `npm run dev`. */
const server = "http://127.0.0.1:8080";

export default defineConfig({
  // The SDK is built together with the page, from its source.
  resolve: { conditions: ["@visavis/source", ...defaultClientConditions] },
  ssr: { resolve: { conditions: ["@visavis/source", ...defaultServerConditions] } },
  build: {
    target: "es2022",
    // Files only: nothing inline, so that a strict Content-Security-Policy holds.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // livekit-client, which is fetched only when LiveKit is the door.
    chunkSizeWarningLimit: 600,
  },
  server: { host: "127.0.0.1", proxy: { "/api": server, "/ws": { target: server, ws: true } } },
  test: { include: ["tests/**/*.test.ts"] },
});
