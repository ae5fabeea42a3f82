import { defineConfig } from "vitest/config";

// Fixed names, so that the server can embed the files by path; no source map and no hash, so that two builds give the same bytes.
export default defineConfig({
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: {
      input: "src/main.ts",
      output: {
        format: "es",
        entryFileNames: "app.js",
        assetFileNames: "app[extname]",
        codeSplitting: false,
      },
    },
  },
  // `css`: the contrast test reads the tokens.
  test: { include: ["test/**/*.test.ts"], environment: "node", css: true },
});
