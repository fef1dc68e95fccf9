"""Files in the formats of well-known public data sets, with invented values.

The names of columns are given, as a user knows them. All other settings are typed because an error
names them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from rnnlab.data.readers.dates import format_time
from rnnlab.data.readers.series import Series, read_series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.errors import DataError


class PublicFile(NamedTuple):
    """A file in the format of a public data set.

    Attributes:
        text: of the file; {} in the last line is a template for ROWS.
        columns: names of columns, fields of SeriesColumns.
        times: of the first and the last row, in the wall clock of the file.
        values: of the first and the last row.
        settings: that errors name, fields of SeriesColumns.
        names: of the series.
        file: its name.
    """

    text: str
    columns: Mapping[str, Any]
    times: tuple[str, str]
    values: tuple[list[float], list[float]]
    settings: Mapping[str, Any] = {}
    names: tuple[str, ...] | None = None
    file: str = "data.csv"


def lines(*rows: str) -> str:
    return "\n".join(rows) + "\n"


FILES = {
    "household power consumption": PublicFile(
        lines(
            "Date;Time;Global_active_power;Voltage;Sub_metering_1",
            "16/12/2006;23:58:00;4.216;234.840;0.000",
            "16/12/2006;23:59:00;?;?;",
            "17/12/2006;00:00:00;0.360;233.630;1.000",
        ),
        {"date_columns": ("Date", "Time"), "values": ("Global_active_power", "Voltage")},
        ("2006-12-16 23:58:00", "2006-12-17 00:00:00"),
        ([4.216, 234.84], [0.36, 233.63]),
        {"delimiter": "semicolon"},
        file="household_power_consumption.txt",
    ),
    "Beijing PM2.5": PublicFile(
        lines(
            "No,year,month,day,hour,pm2.5,DEWP,TEMP,cbwd,Iws",
            "1,2010,1,1,22,128,-21,-11,NW,1.79",
            "2,2010,1,1,23,NA,-21,-12,cv,4.92",
            "3,2010,1,2,0,129,-16,-4,SE,1.79",
        ),
        {"date_columns": ("year", "month", "day", "hour"), "values": ("pm2.5", "TEMP")},
        ("2010-01-01 22:00:00", "2010-01-02 00:00:00"),
        ([128, -11], [129, -4]),
    ),
    "UCI air quality": PublicFile(
        lines(
            "Date;Time;CO(GT);PT08.S1(CO);T;;",
            "31/03/2004;22.00.00;2,6;1360;13,6;;",
            "31/03/2004;23.00.00;-200;1292;13,3;;",
            "01/04/2004;00.00.00;2,2;1402;11,9;;",
            ";;;;;;",
            ";;;;;;",
        ),
        {"date_columns": ("Date", "Time"), "values": ("CO(GT)", "T"), "missing_values": (-200.0,)},
        ("2004-03-31 22:00:00", "2004-04-01"),
        ([2.6, 13.6], [2.2, 11.9]),
        {"delimiter": "semicolon", "decimal": "comma"},
    ),
    "exchange rates": PublicFile(
        lines("0.785500,1.611000,0.861698", "0.781800,1.610000,0.861104", "0.786700,1.6293,0.8613"),
        {"date": None},
        ("step 0", "step 2"),
        ([0.7855, 1.611, 0.861698], [0.7867, 1.6293, 0.8613]),
        {"header": False},
        file="exchange_rate.txt",
    ),
    "Binance klines": PublicFile(
        lines(
            "1577836800000,7195.24,7196.25,7183.14,7186.68,51.642,1577836859999,371233.5,493,19.5",
            "1577836860000,7187.67,7188.06,7182.20,7184.03,7.248,1577836919999,52080.1,135,2.03",
            "1577836920000,7184.41,7184.71,7180.26,7182.43,11.681,1577836979999,83900.1,202,5.47",
        ),
        {"date": "column1", "values": ("column5", "column6")},
        ("2020-01-01", "2020-01-01 00:02:00"),
        ([7186.68, 51.642], [7182.43, 11.681]),
        {"header": False},
    ),
    "Binance klines since 2025": PublicFile(
        lines(
            "1735689600000000,93576.0,93610.9,93537.5,93610.9,8.21827",
            "1735689660000000,93610.9,93652.0,93606.2,93652.0,9.34021",
        ),
        {"date": "column1", "values": ("column5",)},
        ("2025-01-01", "2025-01-01 00:01:00"),
        ([93610.9], [93652.0]),
        {"header": False},
    ),
    "Yahoo OHLCV": PublicFile(
        lines(
            "Date,Open,High,Low,Close,Adj Close,Volume",
            "2020-01-02,74.059998,75.150002,73.797501,75.087502,73.840042,135480400",
            "2020-01-03,null,null,null,null,null,null",
            "2020-01-06,73.447502,74.989998,73.187500,74.949997,73.704819,118387200",
        ),
        {"date": "Date", "values": ("Close", "Volume")},
        ("2020-01-02", "2020-01-06"),
        ([75.087502, 135480400], [74.949997, 118387200]),
    ),
    "SMARD": PublicFile(
        "\ufeff"
        + lines(
            "Datum von;Datum bis;Photovoltaik [MWh] Originalaufl\u00f6sungen;Wind [MWh]",
            "31.01.2020 23:30;31.01.2020 23:45;-;1.234,5",
            "31.01.2020 23:45;01.02.2020 00:00;0,25;2.234,5",
            "01.02.2020 00:00;01.02.2020 00:15;1.000,75;13.234",
        ),
        {"date": "Datum von", "values": ("Wind [MWh]",)},
        ("2020-01-31 23:30:00", "2020-02-01"),
        ([1234.5], [13234]),
        {"delimiter": "semicolon", "decimal": "comma", "thousands": "dot"},
    ),
    "M4, long": PublicFile(
        lines("unique_id,ds,y", "H1,1,605.0", "H1,2,586.0", "H2,1,3124.0", "H2,2,2990.0"),
        {"date": "ds", "series": "unique_id", "values": ("y",)},
        ("step 1", "step 2"),
        ([605], [2990]),
        names=("H1", "H2"),
    ),
    "M4, long, with dates": PublicFile(
        lines("unique_id,ds,y", "Y1,1979-01-01 12:00:00,5172.1", "Y1,1980-01-01 12:00:00,5133.5"),
        {"date": "ds", "series": "unique_id", "values": ("y",)},
        ("1979-01-01 12:00:00", "1980-01-01 12:00:00"),
        ([5172.1], [5133.5]),
        names=("Y1",),
    ),
    "M4, transposed": PublicFile(
        lines(",Y1,Y2", "V1,5172.1,2070", "V2,5133.5,2104", "V3,5186.9,2394"),
        {"date": "column1"},
        ("step 1", "step 3"),
        ([5172.1, 2070], [5186.9, 2394]),
    ),
    "M5, long": PublicFile(
        lines(
            "id,item_id,store_id,d,sales",
            "HOBBIES_1_001_CA_1_validation,HOBBIES_1_001,CA_1,d_1,0",
            "HOBBIES_1_002_CA_1_validation,HOBBIES_1_002,CA_1,d_1,7",
            "HOBBIES_1_001_CA_1_validation,HOBBIES_1_001,CA_1,d_2,3",
            "HOBBIES_1_002_CA_1_validation,HOBBIES_1_002,CA_1,d_2,9",
        ),
        {"date": "d", "series": "id", "values": ("sales",)},
        ("step 1", "step 2"),
        ([0], [9]),
        names=("HOBBIES_1_001_CA_1_validation", "HOBBIES_1_002_CA_1_validation"),
    ),
    "ETT": PublicFile(
        lines(
            "date,HUFL,HULL,OT",
            "2016-07-01 00:00:00,5.827000141143799,2.009000062942505,30.5310001373291",
            "2016-07-01 00:15:00,5.760000228881836,2.075999975204468,30.459999084472656",
        ),
        {"values": ("HUFL", "OT")},
        ("2016-07-01", "2016-07-01 00:15:00"),
        ([5.827000141143799, 30.5310001373291], [5.760000228881836, 30.459999084472656]),
    ),
    "LD2011_2014": PublicFile(
        lines(
            '"";"MT_001";"MT_002"',
            '"2011-01-01 00:15:00";0;22,7596017069701',
            '"2011-01-01 00:30:00";3,80710659898477;22,7596017069701',
        ),
        {"date": "column1"},
        ("2011-01-01 00:15:00", "2011-01-01 00:30:00"),
        ([0, 22.7596017069701], [3.80710659898477, 22.7596017069701]),
        {"delimiter": "semicolon", "decimal": "comma"},
        file="LD2011_2014.txt",
    ),
    "PEMS traffic with dates": PublicFile(
        lines(
            "date,0,1,OT", "2016-07-01 02:00:00,0.0048,0.0146,0.0203", "2016-07-01 03:00:00,1,2,3"
        ),
        {},
        ("2016-07-01 02:00:00", "2016-07-01 03:00:00"),
        ([0.0048, 0.0146, 0.0203], [1, 2, 3]),
    ),
    "influenza-like illness": PublicFile(
        lines(
            "date,% WEIGHTED ILI,AGE 0-4,OT",
            "2002-01-01 00:00:00,1.22262,428,22",
            "2002-01-08 00:00:00,1.27193,433,33",
        ),
        {"values": ("% WEIGHTED ILI", "OT")},
        ("2002-01-01", "2002-01-08"),
        ([1.22262, 22], [1.27193, 33]),
    ),
    "NREL solar": PublicFile(
        lines(
            "LocalTime,Power(MW)", "01/01/06 06:55,0", "01/01/06 07:00,0.4", "01/01/06 07:05,1.3"
        ),
        {"date": "LocalTime"},
        ("2006-01-01 06:55:00", "2006-01-01 07:05:00"),
        ([0], [1.3]),
        {"date_format": "%m/%d/%y %H:%M"},
    ),
    "Jena weather": PublicFile(
        lines(
            '"Date Time","p (mbar)","T (degC)","wv (m/s)"',
            "01.01.2009 00:10:00,996.52,-8.02,1.03",
            "01.01.2009 00:20:00,996.57,-8.41,-9999",
            "01.01.2009 00:30:00,996.53,-8.51,0.19",
        ),
        {"date": "Date Time", "missing_values": (-9999.0,)},
        ("2009-01-01 00:10:00", "2009-01-01 00:30:00"),
        ([996.52, -8.02, 1.03], [996.53, -8.51, 0.19]),
        {},
    ),
    "NOAA daily summaries": PublicFile(
        lines(
            '"STATION","DATE","PRCP","TMAX"',
            '"USW00094728","2020-01-31","0.00","41"',
            '"USW00094728","2020-02-01",,"44"',
            '"USW00094728","2020-02-02","0.12","40"',
        ),
        {"date": "DATE", "series": "STATION", "values": ("TMAX",)},
        ("2020-01-31", "2020-02-02"),
        ([41], [40]),
        names=("USW00094728",),
    ),
    "NOAA hourly": PublicFile(
        lines(
            "STATION,DATE,HourlyDryBulbTemperature",
            "725030,2020-01-01T00:51:00,39",
            "725030,2020-01-01T01:51:00,38",
        ),
        {"date": "DATE", "values": ("HourlyDryBulbTemperature",)},
        ("2020-01-01 00:51:00", "2020-01-01 01:51:00"),
        ([39], [38]),
    ),
    "Rossmann": PublicFile(
        lines(
            '"Store","DayOfWeek","Date","Sales","Customers","StateHoliday"',
            '1,5,2015-07-31,5263,555,"0"',
            '2,5,2015-07-31,6064,625,"0"',
            '1,4,2015-07-30,5020,546,"a"',
            '2,4,2015-07-30,5567,601,"0"',
        ),
        {"date": "Date", "series": "Store", "values": ("Sales", "Customers")},
        ("2015-07-30", "2015-07-31"),
        ([5020, 546], [6064, 625]),
        names=("1", "2"),
    ),
    "Walmart": PublicFile(
        lines(
            "Store,Date,Weekly_Sales,Holiday_Flag",
            "1,05-02-2010,1643690.9,0",
            "1,12-02-2010,1641957.44,1",
            "1,19-02-2010,1611968.17,0",
        ),
        {"date": "Date", "series": "Store", "values": ("Weekly_Sales",)},
        ("2010-02-05", "2010-02-19"),
        ([1643690.9], [1611968.17]),
        names=("1",),
    ),
    "Favorita": PublicFile(
        lines(
            "id,date,store_nbr,item_nbr,unit_sales,onpromotion",
            "0,2013-01-01,25,103665,7.0,",
            "1,2013-01-01,25,105574,1.0,False",
            "2,2013-01-02,25,103665,2.0,True",
            "3,2013-01-02,25,105574,4.0,",
        ),
        {"series": "item_nbr", "values": ("unit_sales",)},
        ("2013-01-01", "2013-01-02"),
        ([7], [4]),
        names=("103665", "105574"),
    ),
    "Monash": PublicFile(
        lines(
            "item_id,timestamp,target",
            "T1,1979-01-01 00-00-00,25092.2",
            "T1,1979-02-01 00-00-00,24271.5",
        ),
        {"date": "timestamp", "series": "item_id", "values": ("target",)},
        ("1979-01-01", "1979-02-01"),
        ([25092.2], [24271.5]),
        names=("T1",),
    ),
    "Bitcoin": PublicFile(
        lines(
            "Timestamp,Open,Close,Volume_(BTC)",
            "1325412060.0,4.58,4.58,NaN",
            "1325412120.0,4.58,4.6,0.5",
        ),
        {"date": "Timestamp", "values": ("Close",)},
        ("2012-01-01 10:01:00", "2012-01-01 10:02:00"),
        ([4.58], [4.6]),
    ),
    "FRED": PublicFile(
        lines("observation_date,GDP", "1947-01-01,243.164", "1947-04-01,.", "1947-07-01,250.038"),
        {"date": "observation_date"},
        ("1947-01-01", "1947-07-01"),
        ([243.164], [250.038]),
    ),
    "Eurostat": PublicFile(
        lines(
            "freq\tgeo\tTIME_PERIOD\tOBS_VALUE\tOBS_FLAG",
            "Q\tDE\t2020-Q1\t99.1\t",
            "Q\tDE\t2020-Q2\t90.2\tp",
            "Q\tFR\t2020-Q1\t98.7\t",
            "Q\tFR\t2020-Q2\t86.0\te",
        ),
        {"date": "TIME_PERIOD", "series": "geo", "values": ("OBS_VALUE",)},
        ("2020-01-01", "2020-04-01"),
        ([99.1], [86]),
        names=("DE", "FR"),
        file="data.tsv",
    ),
    "airline passengers": PublicFile(
        lines('"Month","#Passengers"', '"1949-01",112', '"1949-02",118', '"1949-03",132'),
        {"date": "Month"},
        ("1949-01-01", "1949-03-01"),
        ([112], [132]),
    ),
    "sunspots, yearly": PublicFile(
        lines("YEAR,SUNACTIVITY", "1700.0,5.0", "1701.0,11.0", "1702.0,16.0"),
        {"date": "YEAR"},
        ("1700-01-01", "1702-01-01"),
        ([5], [16]),
    ),
    "sunspots, monthly": PublicFile(
        lines("1749;01;1749.042;  96.7; -1.0;   -1;1", "1749;02;1749.123; 104.3; -1.0;   -1;1"),
        {"date_columns": ("column1", "column2"), "values": ("column4",)},
        ("1749-01-01", "1749-02-01"),
        ([96.7], [104.3]),
        {"delimiter": "semicolon", "header": False},
    ),
    "Mauna Loa CO2": PublicFile(
        lines(
            "year,month,decimal date,average,deseasonalized",
            "1958,3,1958.2027,315.71,314.44",
            "1958,4,1958.2877,-99.99,315.16",
            "1958,5,1958.3699,317.51,314.69",
        ),
        {"date_columns": ("year", "month"), "values": ("average",), "missing_values": (-99.99,)},
        ("1958-03-01", "1958-05-01"),
        ([315.71], [317.51]),
    ),
    "Melbourne temperatures": PublicFile(
        lines('"Date","Temp"', '"1981-01-01",20.7', '"1981-01-02",17.9', '"1981-01-03",18.8'),
        {"date": "Date"},
        ("1981-01-01", "1981-01-03"),
        ([20.7], [18.8]),
    ),
    "bike sharing": PublicFile(
        lines(
            "instant,dteday,season,yr,mnth,hr,temp,cnt",
            "1,2011-01-01,1,0,1,22,0.24,16",
            "2,2011-01-01,1,0,1,23,0.22,40",
            "3,2011-01-02,1,0,1,0,0.22,32",
        ),
        {"date_columns": ("dteday", "hr"), "values": ("cnt",)},
        ("2011-01-01 22:00:00", "2011-01-02"),
        ([16], [32]),
    ),
    "appliances energy": PublicFile(
        lines(
            '"date","Appliances","lights","T1"',
            '"2016-01-11 17:00:00","60","30","19.89"',
            '"2016-01-11 17:10:00","60","30","19.89"',
        ),
        {"values": ("Appliances", "T1")},
        ("2016-01-11 17:00:00", "2016-01-11 17:10:00"),
        ([60, 19.89], [60, 19.89]),
    ),
    "Beijing multi-site": PublicFile(
        lines(
            "No,year,month,day,hour,PM2.5,wd,station",
            "1,2013,3,1,0,4,NNW,Aotizhongxin",
            "2,2013,3,1,1,8,N,Aotizhongxin",
            "1,2013,3,1,0,9,NNW,Changping",
            "2,2013,3,1,1,NA,N,Changping",
        ),
        {
            "date_columns": ("year", "month", "day", "hour"),
            "series": "station",
            "values": ("PM2.5",),
        },
        ("2013-03-01", "2013-03-01 01:00:00"),
        ([4], [9]),
        names=("Aotizhongxin", "Changping"),
    ),
    "metro traffic": PublicFile(
        lines(
            "holiday,temp,rain_1h,weather_main,date_time,traffic_volume",
            "None,288.28,0.0,Clouds,2012-10-02 09:00:00,5545",
            "None,289.36,0.0,Clouds,2012-10-02 10:00:00,4516",
            "None,289.36,0.0,Mist,2012-10-02 10:00:00,4516",
            "None,289.58,0.0,Clouds,2012-10-02 11:00:00,4767",
        ),
        {"date": "date_time", "values": ("traffic_volume", "temp")},
        ("2012-10-02 09:00:00", "2012-10-02 11:00:00"),
        ([5545, 288.28], [4767, 289.58]),
        {"duplicates": "first"},
    ),
    "COVID-19 of JHU, long": PublicFile(
        lines(
            "Province/State,Country/Region,Lat,Long,Date,Confirmed",
            ",Afghanistan,33.93,67.71,1/31/20,0",
            ",Afghanistan,33.93,67.71,2/1/20,3",
            '"Hubei","China, mainland",30.9,112.2,1/31/20,444',
            '"Hubei","China, mainland",30.9,112.2,2/1/20,549',
        ),
        {"date": "Date", "series": "Country/Region", "values": ("Confirmed",)},
        ("2020-01-31", "2020-02-01"),
        ([0], [549]),
        {"date_format": "%m/%d/%y"},
        names=("Afghanistan", "China, mainland"),
    ),
    "OWID": PublicFile(
        lines(
            "iso_code,continent,location,date,new_cases,total_tests",
            "DEU,Europe,Germany,2020-02-24,0.0,",
            "DEU,Europe,Germany,2020-02-25,2.0,",
            "FRA,Europe,France,2020-02-24,1.0,10",
            "FRA,Europe,France,2020-02-25,4.0,",
        ),
        {"series": "location", "values": ("new_cases",)},
        ("2020-02-24", "2020-02-25"),
        ([0], [4]),
        names=("Germany", "France"),
    ),
    "DWD": PublicFile(
        lines(
            "STATIONS_ID;MESS_DATUM;QN_9;TT_TU;RF_TU;eor",
            "         44;2020010122;    3;   4.5;  81.0;eor",
            "         44;2020010123;    3;  -999;  83.0;eor",
            "         44;2020010200;    3;   3.9;  84.0;eor",
        ),
        {
            "date": "MESS_DATUM",
            "series": "STATIONS_ID",
            "values": ("TT_TU", "RF_TU"),
            "missing_values": (-999.0,),
        },
        ("2020-01-01 22:00:00", "2020-01-02"),
        ([4.5, 81], [3.9, 84]),
        {"delimiter": "semicolon"},
        names=("44",),
        file="produkt_tu_stunde.txt",
    ),
    "ENTSO-E": PublicFile(
        lines(
            '"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency","BZN|DE-LU"',
            '"31.01.2020 22:00 - 31.01.2020 23:00","41.88","EUR",""',
            '"31.01.2020 23:00 - 01.02.2020 00:00","38.60","EUR",""',
        ),
        {"date": "MTU (CET/CEST)", "values": ("Day-ahead Price [EUR/MWh]",)},
        ("2020-01-31 22:00:00", "2020-01-31 23:00:00"),
        ([41.88], [38.6]),
    ),
    "NYC taxi": PublicFile(
        lines("timestamp,value", "2014-07-01 00:00:00,10844", "2014-07-01 00:30:00,8127"),
        {"date": "timestamp"},
        ("2014-07-01", "2014-07-01 00:30:00"),
        ([10844], [8127]),
    ),
    "store item demand": PublicFile(
        lines("date,store,item,sales", "2013-01-01,1,1,13", "2013-01-02,1,1,11"),
        {"values": ("sales",)},
        ("2013-01-01", "2013-01-02"),
        ([13], [11]),
    ),
    "web traffic, long": PublicFile(
        lines(
            "Page,date,Visits",
            '"2NE1_zh.wikipedia.org_all-access_spider",2015-07-01,18.0',
            '"Fizz,_buzz_(film)_en.wikipedia.org_desktop",2015-07-01,3.0',
            '"2NE1_zh.wikipedia.org_all-access_spider",2015-07-02,11.0',
            '"Fizz,_buzz_(film)_en.wikipedia.org_desktop",2015-07-02,',
        ),
        {"series": "Page", "values": ("Visits",)},
        ("2015-07-01", "2015-07-02"),
        ([18], [3]),
        names=(
            "2NE1_zh.wikipedia.org_all-access_spider",
            "Fizz,_buzz_(film)_en.wikipedia.org_desktop",
        ),
    ),
    "AEMO": PublicFile(
        lines(
            "REGION,SETTLEMENTDATE,TOTALDEMAND,RRP,PERIODTYPE",
            "NSW1,2020/01/01 00:30:00,7245.31,48.44,TRADE",
            "NSW1,2020/01/01 01:00:00,7042.18,45.06,TRADE",
        ),
        {"date": "SETTLEMENTDATE", "values": ("TOTALDEMAND", "RRP")},
        ("2020-01-01 00:30:00", "2020-01-01 01:00:00"),
        ([7245.31, 48.44], [7042.18, 45.06]),
    ),
    "Stooq": PublicFile(
        lines(
            "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<CLOSE>,<VOL>",
            "AAPL.US,60,20200102,160000,74.06,74.59,33911864",
            "AAPL.US,60,20200102,170000,74.59,74.80,19284713",
        ),
        {"date_columns": ("<DATE>", "<TIME>"), "values": ("<CLOSE>",)},
        ("2020-01-02 16:00:00", "2020-01-02 17:00:00"),
        ([74.59], [74.8]),
    ),
    "VIX of CBOE": PublicFile(
        lines(
            "DATE,OPEN,HIGH,LOW,CLOSE",
            "01/02/1990,17.24,17.24,17.24,17.24",
            "01/03/1990,1,1,1,18.19",
        ),
        {"date": "DATE", "values": ("CLOSE",)},
        ("1990-01-02", "1990-01-03"),
        ([17.24], [18.19]),
        {"day_first": False},
    ),
    "investing.com": PublicFile(
        lines(
            '"Date","Price","Open","Vol.","Change %"',
            '"Dec 31, 2020","28,949.4","28,868.7","86.46K","0.28%"',
            '"Dec 30, 2020","28,868.7","27,374.5","126.66K","5.46%"',
        ),
        {"date": "Date", "values": ("Price",)},
        ("2020-12-30", "2020-12-31"),
        ([28868.7], [28949.4]),
        {"thousands": "comma"},
    ),
    "Fama-French factors": PublicFile(
        lines(",Mkt-RF,SMB,RF", "192607,2.96,-2.56,0.22", "192608,2.64,-1.17,0.25"),
        {"date": "column1"},
        ("1926-07-01", "1926-08-01"),
        ([2.96, -2.56, 0.22], [2.64, -1.17, 0.25]),
    ),
    "histdata.com": PublicFile(
        lines("20200101 170000;1.121200;1.121290;0", "20200101 170100;1.121290;1.121300;0"),
        {"date": "column1", "values": ("column2", "column3")},
        ("2020-01-01 17:00:00", "2020-01-01 17:01:00"),
        ([1.1212, 1.12129], [1.12129, 1.1213]),
        {"delimiter": "semicolon", "header": False},
    ),
    "PJM": PublicFile(
        lines(
            "Datetime,PJME_MW",
            "2002-12-31 01:00:00,26498.0",
            "2002-12-31 00:00:00,28046.0",
            "2003-01-01 00:00:00,1",
        ),
        {"date": "Datetime"},
        ("2002-12-31", "2003-01-01"),
        ([28046], [1]),
    ),
    "Grafana": PublicFile(
        lines(
            '"Time","sensor 1"', "2020-01-01T00:00:00+01:00,21.5 ", "2020-01-01T00:01:00+01:00,21.6"
        ),
        {"date": "Time"},
        ("2020-01-01", "2020-01-01 00:01:00"),
        ([21.5], [21.6]),
    ),
    "spreadsheet of a company": PublicFile(
        lines("Monat;Umsatz", "01.2020;1.234.567,89 \u20ac", "02.2020;987.654,00 \u20ac"),
        {"date": "Monat"},
        ("2020-01-01", "2020-02-01"),
        ([1234567.89], [987654]),
        {"delimiter": "semicolon", "decimal": "comma", "thousands": "dot", "strip_signs": True},
    ),
}


def read_with_advice(path: Path, columns: Mapping[str, Any], settings: Mapping[str, Any]) -> Series:
    """Read a file; type a setting only if an error names it."""
    typed: dict[str, Any] = {}
    while True:
        message = ""
        try:
            return read_series(path, SeriesColumns(**columns, **typed), [])
        except DataError as error:
            message = str(error)
        advice = [name for name in settings if f"data.{name}=" in message and name not in typed]
        assert advice, f"no setting of {settings} is named: {message}"
        typed[advice[0]] = settings[advice[0]]


@pytest.mark.parametrize("name", FILES)
def test_a_public_format_is_read_with_the_settings_that_errors_name(
    tmp_path: Path, name: str
) -> None:
    public = FILES[name]
    path = tmp_path / public.file
    path.write_text(public.text, encoding="utf-8")
    series = read_with_advice(path, public.columns, public.settings)
    times = [format_time(time, series.time_kind) for time in series.local_times[[0, -1]]]
    assert [time.removesuffix(" 00:00:00") for time in times] == [
        time.removesuffix(" 00:00:00") for time in public.times
    ]
    assert [values.tolist() for values in series.values[[0, -1]]] == list(public.values)
    assert tuple(series.names) == (public.names or (public.file,))
