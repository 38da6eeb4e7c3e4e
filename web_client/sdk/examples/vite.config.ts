import { defaultClientConditions, defineConfig } from "vite";

/** Where a running server is, for `npm run dev`. */
const server = "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  // The SDK's sources, so that nothing has to be built first. A page outside this repository needs none of this.
  resolve: { conditions: ["@visavis/source", ...defaultClientConditions] },
  // It finds its worklet beside itself.
  optimizeDeps: { exclude: ["@met4citizen/talkinghead"] },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      input: ["index.html", ...["plain", "arkit", "vrm", "talkinghead", "live2d"].map((name) => `${name}/index.html`)],
    },
  },
  server: { host: "127.0.0.1", proxy: { "/api": server, "/ws": { target: server, ws: true } } },
});
