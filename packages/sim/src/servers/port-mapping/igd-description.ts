/** The device description of an Internet Gateway Device, version 1 or 2, with one WAN connection. */

export type IgdVersion = 1 | 2;

export const DESCRIPTION_PATH = '/rootDesc.xml';
export const CONTROL_PATH = '/ctl/IPConn';

export function connectionService(igd: IgdVersion): string {
  return `urn:schemas-upnp-org:service:WANIPConnection:${igd}`;
}

export function igdDescription(igd: IgdVersion, uuid: string): string {
  const device = (name: string, inside: string, index: number): string =>
    `<device><deviceType>urn:schemas-upnp-org:device:${name}:${igd}</deviceType>` +
    `<friendlyName>Model router &amp; NAT</friendlyName><manufacturer>Model</manufacturer>` +
    `<modelName>Model router</modelName><UDN>uuid:${uuid.slice(0, -1)}${index}</UDN>${inside}</device>`;
  const service = (type: string, id: string, name: string): string =>
    `<service><serviceType>${type}</serviceType><serviceId>urn:upnp-org:serviceId:${id}</serviceId>` +
    `<SCPDURL>/${name}.xml</SCPDURL><controlURL>/ctl/${name}</controlURL>` +
    `<eventSubURL>/evt/${name}</eventSubURL></service>`;
  const common = 'urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1';
  const connection = device(
    'WANConnectionDevice',
    `<serviceList>${service(connectionService(igd), 'WANIPConn1', 'IPConn')}</serviceList>`,
    2,
  );
  const wan = device(
    'WANDevice',
    `<serviceList>${service(common, 'WANCommonIFC1', 'CmnIfCfg')}</serviceList>` +
      `<deviceList>${connection}</deviceList>`,
    1,
  );
  return (
    '<?xml version="1.0"?>\r\n<root xmlns="urn:schemas-upnp-org:device-1-0">' +
    '<specVersion><major>1</major><minor>1</minor></specVersion>' +
    `${device('InternetGatewayDevice', `<deviceList>${wan}</deviceList>`, 0)}</root>`
  );
}
