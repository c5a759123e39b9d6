/** The time in ms, as the device's thread tells it (src/device/cpu/module.ts). */
@external("clock", "now")
export declare function now(): f64;
