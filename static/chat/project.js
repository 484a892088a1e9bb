// The project page: only its times and forms need a script.

import "./support/forms.js";
import { localiseAll, renewAtMidnight } from "./support/local_times.js";
import { followWaiting } from "./support/waiting_count.js";

localiseAll(document);
followWaiting();
renewAtMidnight();
