// The project page: only its times and forms need a script.

import "./support/forms.js";
import { localiseAll, renewAtMidnight } from "./support/local_times.js";

localiseAll(document);
renewAtMidnight();
