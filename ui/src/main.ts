import "./styles/app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import NoBackend from "./components/common/NoBackend.svelte";
import { chooseBackend } from "./backend";

const target = document.getElementById("app");
if (target) {
  const backend = await chooseBackend();
  if (backend) mount(App, { target, props: { backend } });
  else mount(NoBackend, { target });
}
