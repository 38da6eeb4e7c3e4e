import { connect } from "@visavis/sdk";
import { App } from "./app.ts";
import { askInfo } from "./info.ts";
import { parseOptions } from "./options.ts";
import "./styles/index.css";

const root = document.getElementById("app");
if (root === null) throw new Error("index.html: expected an element with the id `app`");
new App({ connect, askInfo, options: parseOptions(location.search), root });
